package overview

import (
	"slices"

	"plumbline.dev/proto"
)

// samples is the number of past polls that the outcomes of a check are kept for.
const samples = 24

// CheckTotal combines the outcomes of a check on every page of an integration, except closed ones.
type CheckTotal struct {
	proto.CheckOutcomes
	// Past are the outcomes after earlier polls, the oldest first, as seen by this process: at most 24. Changed is
	// not kept for them.
	Past []Sample
}

// Sample is a check's outcomes when the pages of a poll had their entries.
type Sample struct {
	At                  proto.Millis // of the poll's first scores
	Pass, Fail, Unknown int
}

// history keeps the outcomes of an integration's checks after its last polls.
type history struct {
	tick   uint64       // newest tick of a page
	began  proto.Millis // when its first scores were stored
	checks map[proto.ID][]Sample
}

// Checks returns the outcomes of the checks of an integration, by check. A check that no page has evaluated is absent,
// and so are pages with an entry of an earlier version.
func (o *Overview) Checks(a proto.Account, id proto.ID) map[proto.ID]CheckTotal {
	o.mu.RLock()
	defer o.mu.RUnlock()
	k := integration{a, id}
	all := map[proto.ID]CheckTotal{}
	for check, sum := range o.sum(k) {
		total := CheckTotal{CheckOutcomes: sum}
		if h := o.history[k]; h != nil {
			total.Past = slices.Clone(h.checks[check])
		}
		all[check] = total
	}
	return all
}

// sum adds up the outcomes of an integration's pages. Changed counts those of the newest tick only.
func (o *Overview) sum(k integration) map[proto.ID]proto.CheckOutcomes {
	tick := uint64(0)
	for _, p := range o.pages[k] {
		if !p.Summary.Closed {
			tick = max(tick, p.Summary.Tick)
		}
	}
	sums := map[proto.ID]proto.CheckOutcomes{}
	for _, p := range o.pages[k] {
		if p.Summary.Closed {
			continue
		}
		for _, n := range p.Outcomes {
			if p.Summary.Tick != tick {
				n.Changed = 0
			}
			sum := sums[n.Check]
			sum.Check = n.Check
			sum.Add(n)
			sums[n.Check] = sum
		}
	}
	return sums
}

// sample records the outcomes of an integration before the first entry of a new poll replaces any.
func (o *Overview) sample(k integration, p *Page) {
	if p.Summary.Closed || p.Summary.Tick == 0 {
		return
	}
	h := o.history[k]
	switch {
	case h == nil:
		o.history[k] = &history{tick: p.Summary.Tick, began: p.Summary.PolledAt, checks: map[proto.ID][]Sample{}}
		return
	case p.Summary.Tick <= h.tick:
		return
	}
	// While the stream is read for the first time, its pages are of different polls, and what is known is not whole.
	if o.isCaughtUp() {
		sums := o.sum(k)
		for check := range h.checks {
			if _, evaluated := sums[check]; !evaluated {
				delete(h.checks, check)
			}
		}
		for check, n := range sums {
			past := append(h.checks[check], Sample{At: h.began, Pass: n.Pass, Fail: n.Fail, Unknown: n.Unknown})
			h.checks[check] = past[max(0, len(past)-samples):]
		}
	}
	h.tick, h.began = p.Summary.Tick, p.Summary.PolledAt
}

func (o *Overview) isCaughtUp() bool {
	select {
	case <-o.caughtUp:
		return true
	default:
		return false
	}
}

// addChanged adds the changed results of a page's earlier entry of the same tick to those of the newer one.
func addChanged(to, from []proto.CheckOutcomes) {
	for i := range to {
		n := slices.IndexFunc(from, func(o proto.CheckOutcomes) bool { return o.Check == to[i].Check })
		if n >= 0 {
			to[i].Changed += from[n].Changed
		}
	}
}
