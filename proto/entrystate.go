package proto

import (
	"fmt"

	"github.com/vmihailenco/msgpack/v5"
)

// CheckState is what a page's entry keeps about one check besides the verdicts. It is zero at rest.
type CheckState struct {
	// Flips has the flips of the entry's tick, if there were any, whether they were applied or held.
	Flips Flips
	// Window has the flips of polls that were applied since its start.
	Window FlipWindow
	// Hold is set while the page holds outcomes of the check.
	Hold *PageHold
	// Graces are the devices that fail and keep their pass for now, in the order of the results.
	Graces []Grace
	// Recovering are the results, by index, of devices that failed before and whose score does not meet the recover
	// score yet, though the verdict's reason is another one.
	Recovering []int
	// Withheld are the results, by index, whose held outcome is a pass and that fail because the safe side applies. They
	// pass again with evidence of it, and later polls are measured against their held outcome.
	Withheld []int
}

// FlipWindow adds up the flips of polls. The zero window has not begun.
type FlipWindow struct {
	Start Millis // of the first poll with a flip
	Net   int    // gained less lost passes, never 0 in a window that has begun
}

// PageHold is a page's hold of one check.
type PageHold struct {
	Tick  uint64 // of the poll that was held first
	Since Millis // when its scores were stored
	// Out and In are the directions held so far: lost passes, gained passes.
	Out, In bool
	// Safe is set once the hold's time is over: a device passes only if the held and the decided outcome are pass.
	Safe bool
	// Rule identifies the check's members that decide outcomes (see [Check.Rule]): an edit of them ends the hold.
	Rule uint32
}

// Grace is the start of a device's grace.
type Grace struct {
	Result int // index in the entry's results
	Since  Millis
}

// ExemptionRef is an exemption of a device on the page. Ended stays set once it ended, as long as its record exists: an
// exemption that ended never comes back.
type ExemptionRef struct {
	ID       ID
	Revision uint64
	Ended    bool
}

// EntryObserve is the account's [ObserveSwitch] as the entry used it. On stays false once Until has passed.
type EntryObserve struct {
	Until Millis
	On    bool
}

var noState CheckState

// State returns the state of the i-th check. It must not be modified.
func (e *Entry) State(i int) *CheckState {
	if i >= len(e.States) {
		return &noState
	}
	return &e.States[i]
}

// IsZero reports whether the check is at rest.
func (s *CheckState) IsZero() bool {
	return s.Flips == (Flips{}) && s.Window == (FlipWindow{}) && s.Hold == nil && len(s.Graces)+len(s.Recovering)+
		len(s.Withheld) == 0
}

// GraceOf returns the start of the grace of the i-th result.
func (s *CheckState) GraceOf(i int) (since Millis, ok bool) {
	for _, g := range s.Graces {
		if g.Result == i {
			return g.Since, true
		}
	}
	return 0, false
}

// extended reports whether the entry has anything to write after the results.
func (e *Entry) extended() bool {
	if e.Observe != (EntryObserve{}) || len(e.Exemptions) > 0 {
		return true
	}
	for i := range e.States {
		if !e.States[i].IsZero() {
			return true
		}
	}
	return false
}

// encodeStates writes
//
//	[[observe_until, on] | nil, [[exemption, revision, ended]...], [state | nil ...]]
//
// with one state for each check: [flips | nil, window | nil, hold | nil, [result, age_ms, ...], [result, ...]].
// Withheld results follow if there are any.
func (e *Entry) encodeStates(w *writer) {
	w.array(3)
	if e.Observe == (EntryObserve{}) {
		w.none()
	} else {
		w.array(2)
		w.at(e.Observe.Until)
		w.bool(e.Observe.On)
	}
	w.array(len(e.Exemptions))
	for i := range e.Exemptions {
		x := &e.Exemptions[i]
		w.array(3)
		w.id(&x.ID)
		w.uint(x.Revision)
		w.bool(x.Ended)
	}
	w.array(len(e.States))
	for i := range e.States {
		e.States[i].encode(w, e.Poll.At)
	}
}

func (s *CheckState) encode(w *writer, polled Millis) {
	if s.IsZero() {
		w.none()
		return
	}
	if len(s.Withheld) == 0 {
		w.array(5)
	} else {
		w.array(6)
	}
	if s.Flips == (Flips{}) {
		w.none()
	} else {
		w.array(5)
		for _, n := range [...]int{s.Flips.Out, s.Flips.In, s.Flips.Passing, s.Flips.Known, s.Flips.Net} {
			w.int(int64(n))
		}
	}
	if s.Window == (FlipWindow{}) {
		w.none()
	} else {
		w.array(2)
		w.int(int64(polled - s.Window.Start))
		w.int(int64(s.Window.Net))
	}
	if h := s.Hold; h == nil {
		w.none()
	} else {
		w.array(6)
		w.uint(h.Tick)
		w.at(h.Since)
		w.bool(h.Out)
		w.bool(h.In)
		w.bool(h.Safe)
		w.uint(uint64(h.Rule))
	}
	w.array(2 * len(s.Graces))
	for _, g := range s.Graces {
		w.uint(uint64(g.Result))
		w.int(int64(polled - g.Since))
	}
	for n, list := range [][]int{s.Recovering, s.Withheld} {
		if n > 0 && len(list) == 0 {
			break
		}
		w.array(len(list))
		for _, i := range list {
			w.uint(uint64(i))
		}
	}
}

// present opens the nested array in the next field, of at least min fields. It returns false if the field is nil or
// absent.
func (r *reader) present(min int) (reader, bool) {
	if !r.next() {
		return reader{}, false
	}
	n, err := r.dec.DecodeArrayLen()
	switch {
	case err == nil && n < 0:
		return reader{}, false
	case err == nil && n < min:
		err = fmt.Errorf("array of %d fields, at least %d expected", n, min)
	}
	r.keep(err)
	return reader{dec: r.dec, left: n, err: r.err}, r.err == nil
}

func (e *Entry) decodeStates(outer *reader) {
	r, ok := outer.present(3)
	if !ok {
		return
	}
	if or, ok := r.present(2); ok {
		e.Observe = EntryObserve{Until: or.at(), On: or.bool()}
		r.keep(or.close())
	}
	if n := r.list(MaxExemptions); n > 0 {
		e.Exemptions = make([]ExemptionRef, n)
	}
	for i := range e.Exemptions {
		xr := readArray(r.dec, 3)
		x := &e.Exemptions[i]
		xr.id(&x.ID)
		x.Revision, x.Ended = xr.uint(), xr.bool()
		if r.keep(xr.close()); r.err != nil {
			break
		}
	}
	n := r.list(MaxChecks)
	if r.err == nil && n != 0 && n != len(e.Checks) {
		r.keep(fmt.Errorf("%d states for %d checks", n, len(e.Checks)))
	}
	if r.err == nil && n > 0 {
		e.States = make([]CheckState, n)
		all := reader{dec: r.dec, left: n}
		for i := range e.States {
			e.States[i].decode(&all, e.Poll.At, len(e.Results))
		}
		r.keep(all.err)
	}
	outer.keep(r.close())
}

func (s *CheckState) decode(all *reader, polled Millis, results int) {
	r, ok := all.present(5)
	if !ok {
		return
	}
	if fr, ok := r.present(5); ok {
		s.Flips = Flips{Out: fr.count(), In: fr.count(), Passing: fr.count(), Known: fr.count(), Net: int(fr.int())}
		r.keep(fr.close())
	}
	if wr, ok := r.present(2); ok {
		s.Window = FlipWindow{Start: polled - wr.at(), Net: int(wr.int())}
		r.keep(wr.close())
	}
	if hr, ok := r.present(6); ok {
		s.Hold = &PageHold{Tick: hr.uint(), Since: hr.at(), Out: hr.bool(), In: hr.bool(), Safe: hr.bool(),
			Rule: uint32(hr.uintMax(1<<32 - 1))}
		r.keep(hr.close())
	}
	index := func(from *reader) int {
		i := from.count()
		if from.err == nil && i >= results {
			from.keep(fmt.Errorf("state of result %d of %d", i, results))
		}
		return i
	}
	n := r.list(2 * PageSize)
	gr := reader{dec: r.dec, left: n, err: r.err}
	for gr.err == nil && gr.left > 1 {
		s.Graces = append(s.Graces, Grace{Result: index(&gr), Since: polled - gr.at()})
	}
	r.keep(gr.close())
	for _, list := range []*[]int{&s.Recovering, &s.Withheld} {
		n = r.list(PageSize)
		rr := reader{dec: r.dec, left: n, err: r.err}
		for rr.err == nil && rr.left > 0 {
			*list = append(*list, index(&rr))
		}
		r.keep(rr.close())
	}
	all.keep(r.close())
}

var _ msgpack.CustomDecoder = (*Entry)(nil)
