package proto

import (
	"fmt"
	"strings"
)

// Summary is the part of an entry in the header [HeaderSummary].
type Summary struct {
	Tick        uint64
	Cause       Cause
	PolledAt    Millis // 0 before the first poll
	EvaluatedAt Millis
	NextExpiry  Millis
	TookMillis  int64
	Error       Reason // of the poll
	Closed      bool
	Devices     int
	// Results by outcome, over all checks.
	Unknown, Pass, Fail int
	Changed             int // results with a changed outcome
	Enforced            Enforced
	// PlanMillis is the time from the tick to the start of the poll's call; 0 if it is unknown or below 1.
	PlanMillis int64
}

// Enforced counts the results of an entry, over all checks, with an outcome that is not by the score, by its reason.
type Enforced struct {
	ObserveOnly, Exempt, Grace, Held int
}

// Add adds the counts of another entry.
func (n *Enforced) Add(o Enforced) {
	n.ObserveOnly, n.Exempt = n.ObserveOnly+o.ObserveOnly, n.Exempt+o.Exempt
	n.Grace, n.Held = n.Grace+o.Grace, n.Held+o.Held
}

func (n *Enforced) count(r Reason) {
	switch r {
	case ReasonObserveOnly:
		n.ObserveOnly++
	case ReasonExempt:
		n.Exempt++
	case ReasonGrace:
		n.Grace++
	case ReasonHeld:
		n.Held++
	}
}

// Summarize is the entry's summary; changed is how many results its changes name.
func (e *Entry) Summarize(changed int) Summary {
	s := e.summarize(changed)
	var all CheckOutcomes
	for i := range e.Results {
		for _, v := range e.Results[i].Verdicts {
			all.count(v)
		}
	}
	s.countResults(&all)
	return s
}

// summarize returns the summary without the counts of results.
func (e *Entry) summarize(changed int) Summary {
	s := Summary{
		Tick: e.Tick, Cause: e.Cause, PolledAt: e.Poll.At, EvaluatedAt: e.EvaluatedAt, NextExpiry: e.NextExpiry,
		TookMillis: e.Poll.Took.Milliseconds(), Error: e.Poll.Error, Closed: e.Closed, Devices: len(e.Results),
		Changed: changed,
	}
	if e.Poll.TickAt != 0 {
		s.PlanMillis = max(0, int64(e.Poll.At-e.Poll.TickAt)-s.TookMillis)
	}
	return s
}

// countResults adds counted results.
func (s *Summary) countResults(o *CheckOutcomes) {
	s.Pass, s.Fail, s.Unknown = s.Pass+o.Pass, s.Fail+o.Fail, s.Unknown+o.Unknown
	s.Enforced.Add(o.Enforced)
}

const (
	summaryFormat  = "1 %d %d %d %d %d %d %d %t %d %d %d %d %d"
	summaryFields  = 14
	enforcedFormat = " %d %d %d %d"
)

// String is the header's value: the layout's number, 1, and the fields in order, separated by blanks. PlanMillis is
// left out if it is 0, and then the counts of Enforced are too if all are 0.
func (s Summary) String() string {
	text := fmt.Sprintf(summaryFormat, s.Tick, s.Cause, s.PolledAt, s.EvaluatedAt, s.NextExpiry, s.TookMillis,
		s.Error, s.Closed, s.Devices, s.Unknown, s.Pass, s.Fail, s.Changed)
	if n := s.Enforced; n != (Enforced{}) || s.PlanMillis != 0 {
		text += fmt.Sprintf(enforcedFormat, n.ObserveOnly, n.Exempt, n.Grace, n.Held)
	}
	if s.PlanMillis != 0 {
		text += fmt.Sprintf(" %d", s.PlanMillis)
	}
	return text
}

// ParseSummary reads the form written by String; fields past the known ones are skipped.
func ParseSummary(text string) (Summary, error) {
	var s Summary
	var cause, reason uint8
	_, err := fmt.Fscanf(strings.NewReader(text), summaryFormat, &s.Tick, &cause, &s.PolledAt, &s.EvaluatedAt,
		&s.NextExpiry, &s.TookMillis, &reason, &s.Closed, &s.Devices, &s.Unknown, &s.Pass, &s.Fail, &s.Changed)
	if err != nil {
		return Summary{}, fmt.Errorf("entry summary %q: %w", clip(text), err)
	}
	s.Cause, s.Error = Cause(cause), Reason(reason)
	if fields := strings.Fields(text); len(fields) >= summaryFields+4 {
		n := &s.Enforced
		more := []any{&n.ObserveOnly, &n.Exempt, &n.Grace, &n.Held, &s.PlanMillis}
		more = more[:min(len(more), len(fields)-summaryFields)]
		if _, err := fmt.Sscan(strings.Join(fields[summaryFields:], " "), more...); err != nil {
			return Summary{}, fmt.Errorf("entry summary %q: %w", clip(text), err)
		}
	}
	return s, nil
}
