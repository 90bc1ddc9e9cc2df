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
}

// Summarize is the entry's summary; changed is how many results its changes name.
func (e *Entry) Summarize(changed int) Summary {
	s := Summary{
		Tick: e.Tick, Cause: e.Cause, PolledAt: e.Poll.At, EvaluatedAt: e.EvaluatedAt, NextExpiry: e.NextExpiry,
		TookMillis: e.Poll.Took.Milliseconds(), Error: e.Poll.Error, Closed: e.Closed, Devices: len(e.Results),
		Changed: changed,
	}
	for i := range e.Results {
		for _, v := range e.Results[i].Verdicts {
			switch v.Outcome {
			case OutcomePass:
				s.Pass++
			case OutcomeFail:
				s.Fail++
			default:
				s.Unknown++
			}
		}
	}
	return s
}

const summaryFormat = "1 %d %d %d %d %d %d %d %t %d %d %d %d %d"

// String is the header's value: the layout's number, 1, and the fields in order, separated by blanks.
func (s Summary) String() string {
	return fmt.Sprintf(summaryFormat, s.Tick, s.Cause, s.PolledAt, s.EvaluatedAt, s.NextExpiry, s.TookMillis,
		s.Error, s.Closed, s.Devices, s.Unknown, s.Pass, s.Fail, s.Changed)
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
	return s, nil
}
