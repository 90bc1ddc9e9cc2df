package follow

import (
	"iter"
	"slices"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Results holds the outcome of every check for every device, computed from a follower's events. The zero value is
// ready to use. It is not safe for concurrent use.
//
// A device is in one page. But pages are evaluated concurrently, so a device removed and enrolled again elsewhere may
// appear in its new page before it disappears from the old one. Results are therefore kept by page.
type Results struct {
	held  map[deviceCheck][]held
	pages map[topology.PageRef]*topology.PageRef // one shared copy of each page
}

type deviceCheck struct{ device, check proto.ID }

type held struct {
	page    *topology.PageRef
	outcome proto.Outcome
}

// ResultKey identifies the outcome of one check for one device in one page.
type ResultKey struct {
	Page          topology.PageRef
	Device, Check proto.ID
}

// Apply applies an event.
func (r *Results) Apply(e Event) {
	switch e.Kind {
	case EventReset:
		*r = Results{}
	case EventState:
		r.forget(e.Page)
		for i := range e.Entry.Results {
			for c, v := range e.Entry.Results[i].Verdicts {
				r.set(e.Page, deviceCheck{e.Entry.Results[i].Device, e.Entry.Checks[c].ID}, v.Outcome)
			}
		}
	case EventChange:
		page := topology.PageRef{Account: e.Ref.Account, Integration: e.Change.Integration, Page: e.Ref.Page}
		for _, d := range e.Change.Devices {
			if d.Gone() {
				r.remove(page, deviceCheck{d.Device, e.Ref.Check})
				continue
			}
			r.set(page, deviceCheck{d.Device, e.Ref.Check}, e.Ref.Outcome)
		}
	}
}

// forget removes the results of a page: a state read during writes may contain a page twice.
func (r *Results) forget(page topology.PageRef) {
	if r.pages[page] == nil {
		return
	}
	for k := range r.held {
		r.remove(page, k)
	}
}

func (r *Results) set(page topology.PageRef, k deviceCheck, o proto.Outcome) {
	if r.held == nil {
		r.held, r.pages = map[deviceCheck][]held{}, map[topology.PageRef]*topology.PageRef{}
	}
	all := r.held[k]
	for i := range all {
		if *all[i].page == page {
			all[i].outcome = o
			return
		}
	}
	shared := r.pages[page]
	if shared == nil {
		shared = &page
		r.pages[page] = shared
	}
	r.held[k] = append(all, held{shared, o})
}

func (r *Results) remove(page topology.PageRef, k deviceCheck) {
	left := slices.DeleteFunc(r.held[k], func(h held) bool { return *h.page == page })
	if len(left) == 0 {
		delete(r.held, k)
		return
	}
	r.held[k] = left
}

// Outcome returns the outcome of a check for a device. It is unknown if there is no result, or if the device's old
// and new page disagree.
func (r *Results) Outcome(device, check proto.ID) proto.Outcome {
	all := r.held[deviceCheck{device, check}]
	if len(all) == 0 {
		return proto.OutcomeUnknown
	}
	for _, h := range all[1:] {
		if h.outcome != all[0].outcome {
			return proto.OutcomeUnknown
		}
	}
	return all[0].outcome
}

// All returns an iterator over all outcomes, in no particular order.
func (r *Results) All() iter.Seq2[ResultKey, proto.Outcome] {
	return func(yield func(ResultKey, proto.Outcome) bool) {
		for k, all := range r.held {
			for _, h := range all {
				if !yield(ResultKey{*h.page, k.device, k.check}, h.outcome) {
					return
				}
			}
		}
	}
}
