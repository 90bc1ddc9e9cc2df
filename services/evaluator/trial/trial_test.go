package trial_test

import (
	"bytes"
	"maps"
	"testing"

	"pgregory.net/rapid"
	"plumbline.dev/proto"
	"plumbline.dev/services/evaluator/fold"
	"plumbline.dev/services/evaluator/foldtest"
	"plumbline.dev/services/evaluator/trial"
)

// A trial of any edit, on any page, says what the entry says after the edit was made, and its flips are the changes of
// that entry.
func TestTrialIsTheEdit(t *testing.T) { rapid.Check(t, trialIsTheEdit) }

func FuzzTrialIsTheEdit(f *testing.F) { f.Fuzz(rapid.MakeFuzz(trialIsTheEdit)) }

func trialIsTheEdit(t *rapid.T) {
	l := newLife(t)
	for range rapid.IntRange(0, 12).Draw(t, "steps") {
		l.pass(40)
		l.step()
	}
	l.pass(90)
	edited := someCheck(t, chk(rapid.IntRange(0, 3).Draw(t, "edited")))
	before, err := proto.Marshal(l.entry)
	if err != nil {
		t.Fatal(err)
	}
	page := fold.Page{Devices: trial.Devices(l.entry)}
	counts, flips := trial.New(l.on.Config, edited).Page(l.entry, page, nil, l.on.Now)
	if after, err := proto.Marshal(l.entry); err != nil || !bytes.Equal(before, after) {
		t.Fatalf("the trial modified the entry: %v", err)
	}
	// A change due without the edit is no flip of it.
	l.settle()
	follower := foldtest.StateOf(l.entry)
	l.edit(edited)
	step := l.settle()

	column := -1
	for i, ref := range l.entry.Checks {
		if ref.ID == edited.ID {
			column = i
		}
	}
	decided, results := map[trial.Decision]int{}, map[proto.ID]proto.Result{}
	for _, r := range l.entry.Results {
		results[r.Device] = r
		decided[trial.Decision{Outcome: r.Verdicts[column].Outcome, Reason: r.Verdicts[column].Reason}]++
	}
	if !maps.Equal(decided, counts.Decided) || counts.Devices != len(l.entry.Results) {
		t.Fatalf("the trial decides %v about %d devices, the entry %v", counts.Decided, counts.Devices, decided)
	}
	want := map[proto.ID]proto.Outcome{}
	for _, c := range step.Changes {
		for _, d := range c.Devices {
			if c.Check == edited.ID && (d.From != proto.OutcomeNone || c.Outcome != proto.OutcomePass) {
				want[d.Device] = c.Outcome
			}
		}
	}
	got := map[proto.ID]proto.Outcome{}
	for _, f := range flips {
		got[f.Device] = f.Outcome
		was, known := follower[foldtest.ResultKey{Device: f.Device, Check: edited.ID}]
		if known != (f.From != proto.OutcomeNone) || known && was != f.From {
			t.Fatalf("device %s flips from %s, it had %s (%t)", f.Device, f.From, was, known)
		}
		res := results[f.Device]
		if res.Verdicts[column] != f.Verdict || res.Score != f.Score {
			t.Fatalf("the flip is %+v, the entry has %+v", f, res)
		}
	}
	if !maps.Equal(got, want) || counts.Flipping() != len(flips) {
		t.Fatalf("the trial flips %v (%d counted), the edit %v", got, counts.Flipping(), want)
	}
}

func TestACheckThatIsNotThereDeniesNobody(t *testing.T) {
	entry := &proto.Entry{Results: []proto.Result{
		{Device: dev(1), Score: 80}, {Device: dev(2), Score: 20}, {Device: dev(3), Score: proto.NoScore}}}
	check := &proto.Check{ID: chk(1), Type: proto.TypeCustomS2S, Operator: ">=", Score: 60}
	page := fold.Page{Devices: trial.Devices(entry)}
	counts, flips := trial.New(fold.Config{Exists: true}, check).Page(entry, page, nil, epoch)
	if counts.Flips != [...]int{proto.OutcomeUnknown: 1, proto.OutcomeFail: 1, proto.OutcomePass: 0} ||
		counts.Compared[proto.OutcomeNone] != 3 || counts.Outcome(proto.OutcomePass) != 1 {
		t.Errorf("%+v", counts)
	}
	if len(flips) != 2 || flips[0].Device != dev(2) || flips[0].From != proto.OutcomeNone ||
		flips[0].Outcome != proto.OutcomeFail || flips[1].Reason != proto.ReasonNeverPolled {
		t.Errorf("%+v", flips)
	}
}

// A check moved to another integration is compared with its outcomes there.
func TestAMovedCheckIsComparedWithItsOldIntegration(t *testing.T) {
	entry := &proto.Entry{Results: []proto.Result{
		{Device: dev(1), Score: 80}, {Device: dev(2), Score: 20}, {Device: dev(3), Score: 20}}}
	verdict := func(o proto.Outcome) []proto.Verdict { return []proto.Verdict{{Outcome: o, Reason: proto.ReasonScore}} }
	old := &proto.Entry{Checks: []proto.CheckRef{{ID: chk(1)}}, Results: []proto.Result{
		{Device: dev(2), Verdicts: verdict(proto.OutcomeFail)}, {Device: dev(1), Verdicts: verdict(proto.OutcomeFail)}}}
	check := &proto.Check{ID: chk(1), Type: proto.TypeCustomS2S, Operator: ">=", Score: 60}
	page := fold.Page{Devices: trial.Devices(entry)}
	counts, flips := trial.New(fold.Config{Exists: true}, check).Page(entry, page, old, epoch)
	if len(flips) != 2 || flips[0].From != proto.OutcomeFail || flips[0].Outcome != proto.OutcomePass ||
		flips[1].From != proto.OutcomeUnknown || counts.Compared != [...]int{1, 0, 2, 0} {
		t.Errorf("%+v %+v", counts, flips)
	}
}

func TestACheckOfAnUnsupportedType(t *testing.T) {
	old := &proto.Entry{Checks: []proto.CheckRef{{ID: chk(1)}},
		Results: []proto.Result{{Device: dev(1), Verdicts: []proto.Verdict{{Outcome: proto.OutcomePass}}}}}
	for _, c := range []struct {
		name   string
		today  *proto.Entry
		exists bool
		flips  int
	}{{"a new one", nil, false, 2}, {"an old one", nil, true, 0}, {"one that was evaluated", old, true, 1}} {
		counts, flips := trial.Unsupported(chk(1), []proto.ID{dev(1), dev(2)}, c.today, c.exists)
		if len(flips) != c.flips || counts.Outcome(proto.OutcomeUnknown) != 2 || counts.Flipping() != c.flips {
			t.Errorf("%s: %+v %+v", c.name, counts, flips)
		}
	}
}
