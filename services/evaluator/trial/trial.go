package trial

import (
	"slices"

	"plumbline.dev/proto"
	"plumbline.dev/services/evaluator/fold"
)

// Trial is an edit of a check, or a new check, before it is saved. It is safe for concurrent use.
type Trial struct {
	check         proto.ID
	before, after fold.Config
	exists        bool // before has the check
}

// New returns the trial of a check over the integration of a configuration. The check replaces the one with its id, if
// there is one.
func New(config fold.Config, check *proto.Check) *Trial {
	t := &Trial{check: check.ID, before: config, after: config}
	t.after.Revision++
	is := func(c fold.Check) bool { return c.ID == check.ID }
	t.exists = slices.ContainsFunc(config.Checks, is)
	t.after.Checks = append(slices.DeleteFunc(slices.Clone(config.Checks), is),
		fold.Check{Revision: t.after.Revision, Check: check})
	return t
}

// Page evaluates the check on a page at a time. It returns the counts of the page's devices, and the flipping devices
// in the order of the page. entry is the page's newest entry. page is the page's part of the inventory, as entry used
// it. elsewhere is nil, or the page's newest entry of another integration, to which the check belongs today.
func (t *Trial) Page(entry *proto.Entry, page fold.Page, elsewhere *proto.Entry, now proto.Millis) (Counts, []Flip) {
	today := t.step(entry, page, t.before, now)
	next := t.step(today, page, t.after, now)
	was := t.compared(today, elsewhere)
	var counts Counts
	var flips []Flip
	column := columnOf(next, t.check)
	for i := range next.Results {
		res := &next.Results[i]
		v := proto.Verdict{Reason: proto.ReasonUnsupported} // beyond the number of checks that are evaluated
		if column >= 0 {
			v = res.Verdicts[column]
		}
		if from := was(i, res.Device); counts.count(from, v) {
			flips = append(flips, Flip{res.Device, i, res.Score, from, v})
		}
	}
	return counts, flips
}

// step returns the entry after an evaluation with config, or entry itself if the evaluation changes nothing.
func (t *Trial) step(entry *proto.Entry, page fold.Page, config fold.Config, now proto.Millis) *proto.Entry {
	// The view may be older than the entry. The tried configuration is newer than both.
	config.Revision = max(config.Revision, entry.ConfigRevision)
	page.Revision = max(page.Revision, entry.PageRevision)
	in := &proto.Input{Cause: proto.CauseConfig}
	step := fold.Next(entry, in, fold.Basis{Page: page, Config: config, StoredAt: now, Now: now})
	if step.Entry == nil {
		return entry
	}
	return step.Entry
}

// compared returns a function from a device's index in today's entry, and its id, to its outcome today.
func (t *Trial) compared(today, elsewhere *proto.Entry) func(int, proto.ID) proto.Outcome {
	if column := columnOf(today, t.check); column >= 0 {
		return func(i int, _ proto.ID) proto.Outcome { return today.Results[i].Verdicts[column].Outcome }
	}
	none := proto.OutcomeNone
	if t.exists || elsewhere != nil {
		none = proto.OutcomeUnknown
	}
	outcomes := outcomesOf(elsewhere, t.check)
	return func(_ int, id proto.ID) proto.Outcome {
		if o, known := outcomes[id]; known {
			return o
		}
		return none
	}
}

// Unsupported returns the counts and flips of a page's devices if the check has a type that is not evaluated. today is
// the page's newest entry of the check's integration, or nil; exists is set if there is such a check today.
func Unsupported(check proto.ID, devices []proto.ID, today *proto.Entry, exists bool) (Counts, []Flip) {
	outcomes := outcomesOf(today, check)
	var counts Counts
	var flips []Flip
	for i, id := range devices {
		from, known := outcomes[id]
		switch {
		case known:
		case exists:
			from = proto.OutcomeUnknown
		default:
			from = proto.OutcomeNone
		}
		v := proto.Verdict{Reason: proto.ReasonUnsupported}
		if counts.count(from, v) {
			flips = append(flips, Flip{id, i, proto.NoScore, from, v})
		}
	}
	return counts, flips
}

// Devices returns the devices of an entry, in its order.
func Devices(e *proto.Entry) []proto.ID {
	out := make([]proto.ID, len(e.Results))
	for i := range e.Results {
		out[i] = e.Results[i].Device
	}
	return out
}

func columnOf(e *proto.Entry, check proto.ID) int {
	return slices.IndexFunc(e.Checks, func(r proto.CheckRef) bool { return r.ID == check })
}

// outcomesOf returns the outcomes of a check by device; e may be nil.
func outcomesOf(e *proto.Entry, check proto.ID) map[proto.ID]proto.Outcome {
	if e == nil {
		return nil
	}
	column := columnOf(e, check)
	if column < 0 {
		return nil
	}
	out := make(map[proto.ID]proto.Outcome, len(e.Results))
	for i := range e.Results {
		out[e.Results[i].Device] = e.Results[i].Verdicts[column].Outcome
	}
	return out
}
