// Package foldtest is a plain model of a page's results: maps, one device after the other, one line for each rule of
// the design (bus/README.md). Tests compare the evaluator with it.
package foldtest

import (
	"bytes"
	"fmt"
	"slices"

	"plumbline.dev/proto"
	"plumbline.dev/services/evaluator/fold"
)

// Model holds the results of one page for one integration. The zero value is the state before the first entry.
type Model struct {
	Written bool // there is an entry
	Closed  bool
	Tick    uint64
	Poll    proto.Poll
	Checks  map[proto.ID]uint64 // revisions
	Devices map[proto.ID]Device
}

// Device holds the results of one device.
type Device struct {
	Score      int
	Problem    proto.Reason
	S2SID      string
	ObservedAt proto.Millis
	Results    map[proto.ID]Result // by check
}

// Result is one check's word.
type Result struct {
	Outcome proto.Outcome
	Reason  proto.Reason
}

// Apply returns the model after an input, and reports whether an entry is needed. The basis must not be older than the
// revisions in the input.
func (m Model) Apply(in *proto.Input, on fold.Basis) (after Model, writes bool) {
	if !on.Config.Exists {
		return Model{Written: m.Written, Closed: true, Tick: m.Tick, Poll: m.Poll}, m.Written && !m.Closed
	}
	polled := in.Cause == proto.CausePoll && in.Tick > m.Tick
	after = Model{Written: true, Tick: m.Tick, Poll: m.Poll, Checks: map[proto.ID]uint64{}, Devices: map[proto.ID]Device{}}
	if polled {
		after.Tick, after.Poll = in.Tick, in.Poll
		after.Poll.At = on.StoredAt
	}
	checks := Counted(on.Config.Checks)
	for _, c := range checks {
		after.Checks[c.ID] = c.Revision
	}
	for _, id := range on.Page.Devices {
		old, known := m.Devices[id]
		d := Device{Score: proto.NoScore}
		if known {
			d = old
		}
		d.Results = map[proto.ID]Result{}
		scored := false
		if polled {
			scored = d.hear(id, in, on.StoredAt)
		}
		for _, c := range checks {
			result, had := old.Results[c.ID]
			sameCheck := had && m.Checks[c.ID] == c.Revision
			wasExpired := sameCheck && old.Score != proto.NoScore && result.Outcome == proto.OutcomeUnknown &&
				result.Reason != proto.ReasonUnsupported
			d.Results[c.ID] = d.judge(c, on.Now, wasExpired && !scored)
		}
		after.Devices[id] = d
	}
	if !m.Written && (on.Page.Revision == 0 || !polled && m.same(after)) {
		return m, false // nothing is said of nothing
	}
	return after, polled || m.Closed || !m.same(after)
}

// hear records a poll's response for a device.
func (d *Device) hear(id proto.ID, in *proto.Input, at proto.Millis) (scored bool) {
	if in.Poll.Error != proto.ReasonNone {
		d.Problem = in.Poll.Error
		return false
	}
	i := slices.IndexFunc(in.Observations, func(o proto.Observation) bool { return o.Device == id })
	if i < 0 {
		return false
	}
	o := in.Observations[i]
	d.Problem = o.Problem
	if o.Problem != proto.ReasonNone {
		return false
	}
	d.Score, d.S2SID, d.ObservedAt = o.Score, o.S2SID, at
	return true
}

func (d *Device) judge(c fold.Check, now proto.Millis, wasExpired bool) Result {
	holds, known := c.Operator.Holds(d.Score, c.Score)
	expires := c.Expiration > 0
	switch {
	case !known || c.Type != proto.TypeCustomS2S:
		return Result{Reason: proto.ReasonUnsupported}
	case d.Score == proto.NoScore && d.Problem == proto.ReasonNone:
		return Result{Reason: proto.ReasonNeverPolled}
	case d.Score == proto.NoScore:
		return Result{Reason: d.Problem}
	case expires && (wasExpired || now >= d.ObservedAt.Add(c.Expiration)) && d.Problem == proto.ReasonNone:
		return Result{Reason: proto.ReasonExpired}
	case expires && (wasExpired || now >= d.ObservedAt.Add(c.Expiration)):
		return Result{Reason: d.Problem}
	case holds:
		return Result{Outcome: proto.OutcomePass, Reason: proto.ReasonScore}
	}
	return Result{Outcome: proto.OutcomeFail, Reason: proto.ReasonScore}
}

// Counted returns the checks within the limit: the first by id.
func Counted(checks []fold.Check) []fold.Check {
	checks = slices.SortedFunc(slices.Values(checks), func(a, b fold.Check) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return checks[:min(len(checks), proto.MaxChecks)]
}

// same reports whether two models have the same checks, devices and results.
func (m Model) same(o Model) bool { return m.difference(o) == "" }

func (m Model) difference(o Model) string {
	if len(m.Checks) != len(o.Checks) || len(m.Devices) != len(o.Devices) {
		return fmt.Sprintf("%d checks, %d devices against %d, %d", len(m.Checks), len(m.Devices), len(o.Checks),
			len(o.Devices))
	}
	for id, revision := range m.Checks {
		if r, ok := o.Checks[id]; !ok || r != revision {
			return fmt.Sprintf("check %s at revision %d against %d", id, revision, r)
		}
	}
	for id, d := range m.Devices {
		e, ok := o.Devices[id]
		if !ok || d.Score != e.Score || d.Problem != e.Problem || d.S2SID != e.S2SID || d.ObservedAt != e.ObservedAt {
			return fmt.Sprintf("device %s: %+v against %+v", id, d, e)
		}
		for check, r := range d.Results {
			if e.Results[check] != r {
				return fmt.Sprintf("device %s, check %s: %+v against %+v", id, check, r, e.Results[check])
			}
		}
	}
	return ""
}

// Read is the model of an entry, nil before the first.
func Read(e *proto.Entry) Model {
	if e == nil {
		return Model{}
	}
	m := Model{Written: true, Closed: e.Closed, Tick: e.Tick, Poll: e.Poll, Checks: map[proto.ID]uint64{},
		Devices: map[proto.ID]Device{}}
	for _, c := range e.Checks {
		m.Checks[c.ID] = c.Revision
	}
	for _, r := range e.Results {
		d := Device{Score: r.Score, Problem: r.Problem, S2SID: r.S2SID, ObservedAt: r.ObservedAt,
			Results: map[proto.ID]Result{}}
		for i, v := range r.Verdicts {
			d.Results[e.Checks[i].ID] = Result{v.Outcome, v.Reason}
		}
		m.Devices[r.Device] = d
	}
	return m
}

// Differs describes the first difference between an entry and the model, or returns "".
func (m Model) Differs(e *proto.Entry) string {
	got := Read(e)
	if m.Written != got.Written || m.Closed != got.Closed || m.Tick != got.Tick || m.Poll != got.Poll {
		return fmt.Sprintf("want written %t, closed %t, tick %d, poll %+v, got %t, %t, %d, %+v",
			m.Written, m.Closed, m.Tick, m.Poll, got.Written, got.Closed, got.Tick, got.Poll)
	}
	return m.difference(got)
}

// Follower folds changes onto a state, as another system does.
type Follower map[ResultKey]proto.Outcome

// ResultKey names a result.
type ResultKey struct{ Device, Check proto.ID }

// StateOf returns the state in an entry.
func StateOf(e *proto.Entry) Follower {
	f := Follower{}
	if e == nil {
		return f
	}
	for _, r := range e.Results {
		for i, v := range r.Verdicts {
			f[ResultKey{r.Device, e.Checks[i].ID}] = v.Outcome
		}
	}
	return f
}

// Follow folds changes; it returns an error if a change contradicts the state.
func (f Follower) Follow(all []fold.Change) error {
	for _, c := range all {
		for _, d := range c.Devices {
			k := ResultKey{d.Device, c.Check}
			from, ok := f[k]
			if !ok {
				from = proto.OutcomeNone
			}
			if from != d.From || (from == c.Outcome && !d.Gone()) || (d.Gone() && (!ok || c.Outcome != proto.OutcomeUnknown)) {
				return fmt.Errorf("change of %+v from %s to %s (%s), the state has %s", k, d.From, c.Outcome, d.Reason, from)
			}
			if d.Gone() {
				delete(f, k)
			} else {
				f[k] = c.Outcome
			}
		}
	}
	return nil
}
