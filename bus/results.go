package bus

import (
	"iter"
	"slices"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Results are the outcomes of every device for every check: the fold of a follower's events. The zero
// value is ready to use. Not safe for concurrent use.
//
// A device is in one page. But pages are evaluated side by side, so one that is removed and enrolled again
// elsewhere may be seen in its new page before it is gone from the old one: results are kept by page.
type Results struct {
	held  map[deviceCheck][]held
	pages map[topology.PageRef]*topology.PageRef // one copy of each, shared by what is held
}

type deviceCheck struct{ device, check proto.ID }

type held struct {
	page    *topology.PageRef
	outcome proto.Outcome
}

// ResultKey names one check's outcome for one device of one page.
type ResultKey struct {
	Page          topology.PageRef
	Device, Check proto.ID
}

// Apply folds an event.
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

// forget removes what is held of a page: a state that is read while entries are written may have a page twice.
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

// Outcome is what a check says of a device; unknown where nothing is known, or where the page that the
// device left and the one that it is in now disagree.
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

// All yields every outcome, in no order.
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
