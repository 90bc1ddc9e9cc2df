package proto

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOutcomesHeader(t *testing.T) {
	verdict := func(o Outcome, r Reason) Verdict { return Verdict{Outcome: o, Reason: r, Observed: o} }
	e := &Entry{Checks: []CheckRef{{ID: ID{1}}, {ID: ID{2}}}, Results: []Result{
		{Verdicts: []Verdict{verdict(OutcomePass, ReasonScore), verdict(OutcomePass, ReasonObserveOnly)}},
		{Verdicts: []Verdict{verdict(OutcomeFail, ReasonScore), verdict(OutcomePass, ReasonExempt)}},
		{Verdicts: []Verdict{verdict(OutcomeUnknown, ReasonMissing), verdict(OutcomePass, ReasonGrace)}},
		{Verdicts: []Verdict{verdict(OutcomeFail, ReasonScore), verdict(OutcomeFail, ReasonHeld)}},
	}}
	want := []CheckOutcomes{
		{Check: ID{1}, Pass: 1, Fail: 2, Unknown: 1, Changed: 2},
		{Check: ID{2}, Pass: 3, Fail: 1, Enforced: Enforced{1, 1, 1, 1}},
	}
	got := e.CheckOutcomes(map[ID]int{{1}: 2})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("counts: -want +got:\n%s", diff)
	}
	text := e.Headers(map[ID]int{{1}: 2})[HeaderOutcomes][0]
	read, err := ParseOutcomes(text)
	if diff := cmp.Diff(want, read); err != nil || diff != "" {
		t.Errorf("%q: %v; -want +got:\n%s", text, err, diff)
	}
	later, err := ParseOutcomes(strings.Replace(text, ":1:1:1:1", ":1:1:1:1:77", 1))
	if diff := cmp.Diff(want, later); err != nil || diff != "" {
		t.Errorf("of a later version: %v; -want +got:\n%s", err, diff)
	}
	for _, bad := range []string{"", "2 x", "1 x", "1  ", strings.Replace(text, ":2", ":x", 1), text + " " + "AAAA:1"} {
		if all, err := ParseOutcomes(bad); err == nil {
			t.Errorf("%q is read as %+v", bad, all)
		}
	}
	if _, there := (&Entry{}).Headers(nil)[HeaderOutcomes]; there {
		t.Error("an entry without checks has the header")
	}
	if all, err := ParseOutcomes("1"); err != nil || len(all) != 0 {
		t.Errorf("no checks: %v, %v", all, err)
	}
}
