package trial

import (
	"slices"

	"plumbline.dev/proto"
	"plumbline.dev/services/evaluator/fold"
)

// Past computes the outcomes that a check would have had, entry by entry, had it applied from the first entry on.
// Hysteresis and grace continue from one entry of a page to the next. Exemptions and the account's observe switch apply
// as the entries recorded them. An exemption that is no longer stored does not apply.
//
// A Past keeps 20 bytes for each device, and 16 for each grace. It is not safe for concurrent use.
type Past struct {
	check  *proto.Check
	config fold.Config
	pages  map[uint32]*kept
}

// kept is the state of the tried check after a page's newest entry so far. The next entry continues from it.
type kept struct {
	counts     Counts
	devices    []proto.ID
	verdicts   []proto.Verdict
	graces     []proto.Grace
	recovering []int
	check      proto.CheckRef
}

// NewPast returns a Past for a check, over the integration of config. It ignores the check's breaker.
func NewPast(config fold.Config, check *proto.Check) *Past {
	alone := *check
	alone.Breaker = &proto.BreakerSettings{Off: new(true)}
	return &Past{check: &alone, config: config, pages: map[uint32]*kept{}}
}

// Pages returns the number of pages with an entry so far.
func (p *Past) Pages() int { return len(p.pages) }

// Has reports whether the page has had an entry so far.
func (p *Past) Has(page uint32) bool { return p.pages[page] != nil }

// Counts returns the counts of the newest entry of every page so far.
func (p *Past) Counts() (sum Counts) {
	for _, k := range p.pages {
		sum.Add(&k.counts)
	}
	return sum
}

// Entry evaluates the check for the next entry of a page. The counts compare its outcomes with the ones that the entry
// contains for the check. changed is the number of devices whose outcome differs from the one of the page's previous
// entry, 0 for the first entry.
func (p *Past) Entry(page uint32, e *proto.Entry) (changed int) {
	k := p.pages[page]
	before := p.before(k, e)
	step := fold.Next(before, &proto.Input{Cause: proto.CauseConfig}, fold.Basis{
		Page: fold.Page{Revision: 1, Devices: Devices(e)}, Config: p.at(e, before.Checks[0].Revision+1),
		StoredAt: e.EvaluatedAt, Now: e.EvaluatedAt,
	})
	if step.Entry == nil { // the entry has no devices
		step.Entry = before
	}
	next := &kept{devices: Devices(e), verdicts: make([]proto.Verdict, len(e.Results)), check: step.Entry.Checks[0],
		graces: step.Entry.State(0).Graces, recovering: step.Entry.State(0).Recovering}
	stored := columnOf(e, p.check.ID)
	for i := range step.Entry.Results {
		v := step.Entry.Results[i].Verdicts[0]
		next.verdicts[i] = v
		from := proto.OutcomeNone
		if stored >= 0 {
			from = e.Results[i].Verdicts[stored].Outcome
		}
		next.counts.count(from, v)
		was := before.Results[i].Verdicts[0]
		if k != nil && was.Outcome != v.Outcome && was.Reason != proto.ReasonNeverPolled {
			changed++
		}
	}
	if k != nil && slices.Equal(k.devices, next.devices) {
		next.devices = k.devices
	}
	p.pages[page] = next
	return changed
}

// before returns an entry with the evidence of e and the verdicts of k, or the verdicts of e if k is nil.
func (p *Past) before(k *kept, e *proto.Entry) *proto.Entry {
	if k == nil {
		k = p.stored(e)
	}
	// Every entry evaluates the check anew, as an edit does: an expiration is counted from the evidence alone.
	out := &proto.Entry{Poll: e.Poll, PageRevision: 1, EvaluatedAt: e.EvaluatedAt, ConfigRevision: k.check.Revision,
		Checks: []proto.CheckRef{{ID: p.check.ID, Revision: k.check.Revision}}, Results: make([]proto.Result, len(e.Results))}
	place := places(k.devices, e)
	now := make(map[int]int, len(k.graces)+len(k.recovering)) // index in e by index in k
	verdicts := make([]proto.Verdict, len(e.Results))
	for i := range e.Results {
		out.Results[i] = e.Results[i]
		verdicts[i] = proto.Verdict{Reason: proto.ReasonNeverPolled}
		if at := place(i); at >= 0 {
			verdicts[i] = k.verdicts[at]
			if len(k.graces)+len(k.recovering) > 0 {
				now[at] = i
			}
		}
		out.Results[i].Verdicts = verdicts[i : i+1 : i+1]
	}
	var state proto.CheckState
	for _, g := range k.graces {
		if i, there := now[g.Result]; there {
			state.Graces = append(state.Graces, proto.Grace{Result: i, Since: g.Since})
		}
	}
	for _, r := range k.recovering {
		if i, there := now[r]; there {
			state.Recovering = append(state.Recovering, i)
		}
	}
	out.States = []proto.CheckState{state}
	return out
}

// stored returns the state of the check that e contains, or an empty state if e does not contain the check.
func (p *Past) stored(e *proto.Entry) *kept {
	column := columnOf(e, p.check.ID)
	if column < 0 {
		return &kept{check: proto.CheckRef{Revision: 1}}
	}
	k := &kept{devices: Devices(e), verdicts: make([]proto.Verdict, len(e.Results)), check: proto.CheckRef{Revision: 1},
		graces: e.State(column).Graces, recovering: e.State(column).Recovering}
	for i := range e.Results {
		k.verdicts[i] = e.Results[i].Verdicts[column]
	}
	return k
}

// at returns the configuration that applied to an entry, with the tried check alone.
func (p *Past) at(e *proto.Entry, revision uint64) fold.Config {
	config := fold.Config{Revision: revision, Exists: true, Checks: []fold.Check{{Revision: revision, Check: p.check}}}
	if e.Observe.On {
		config.Organization = &proto.Organization{Observe: &proto.ObserveSwitch{Until: e.Observe.Until}}
	}
	if p.config.Exempt != nil && len(e.Exemptions) > 0 {
		config.HasExemption = p.config.HasExemption
		config.Exempt = func(device proto.ID) (of []fold.Exemption) {
			for _, x := range p.config.Exempt(device) {
				if slices.ContainsFunc(e.Exemptions, func(r proto.ExemptionRef) bool { return r.ID == x.ID && !r.Ended }) {
					of = append(of, x)
				}
			}
			return of
		}
	}
	return config
}

// places returns a function from the index of a result of e to the index of its device in devices, or to -1 if devices
// lacks it.
func places(devices []proto.ID, e *proto.Entry) func(int) int {
	var index map[proto.ID]int
	return func(i int) int {
		id := e.Results[i].Device
		if i < len(devices) && devices[i] == id {
			return i
		}
		if index == nil {
			index = make(map[proto.ID]int, len(devices))
			for n, d := range devices {
				index[d] = n
			}
		}
		if at, known := index[id]; known {
			return at
		}
		return -1
	}
}
