package trial_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"
	"plumbline.dev/proto"
	"plumbline.dev/services/evaluator/fold"
	"plumbline.dev/services/evaluator/trial"
)

// The past of a check as it was, read entry by entry, is what was stored. What is due has an entry of its own before
// the next poll, as the sweep writes it.
func TestPastIsWhatWasStored(t *testing.T) { rapid.Check(t, pastIsWhatWasStored) }

func FuzzPastIsWhatWasStored(f *testing.F) { f.Fuzz(rapid.MakeFuzz(pastIsWhatWasStored)) }

func pastIsWhatWasStored(t *rapid.T) {
	l := newLife(t)
	check := someCheck(t, chk(0))
	check.Breaker = &proto.BreakerSettings{Off: new(true)}
	l.edit(check)
	l.settle()
	l.fixed = &check.ID
	past := trial.NewPast(l.on.Config, check)
	past.Entry(1, l.entry)
	for range rapid.IntRange(1, 20).Draw(t, "steps") {
		l.pass(40)
		for _, next := range []func(){func() { l.settle() }, l.step} {
			was := l.entry
			if next(); l.entry != was {
				l.pastSays(past, check.ID, was)
			}
		}
	}
}

// pastSays checks what the past says of the newest entry, which came after was.
func (l *life) pastSays(past *trial.Past, check proto.ID, was *proto.Entry) {
	stored, before := outcomes(check, l.entry), outcomes(check, was)
	differ := 0
	for id, o := range before {
		if now, there := stored[id]; there && now.Outcome != o.Outcome && o.Reason != proto.ReasonNeverPolled {
			differ++
		}
	}
	changed := past.Entry(1, l.entry)
	if counts := past.Counts(); counts.Flipping() != 0 || counts.Devices != len(l.entry.Results) {
		l.t.Fatalf("the past differs from what was stored: %+v; stored %+v", counts, stored)
	}
	if changed != differ {
		l.t.Fatalf("%d outcomes changed, by what was stored %d", changed, differ)
	}
}

func outcomes(check proto.ID, e *proto.Entry) map[proto.ID]proto.Verdict {
	out := map[proto.ID]proto.Verdict{}
	for i, ref := range e.Checks {
		if ref.ID == check {
			for _, r := range e.Results {
				out[r.Device] = r.Verdicts[i]
			}
		}
	}
	return out
}

// polled is an entry of one device with a score.
func polled(at proto.Millis, score int, devices ...proto.ID) *proto.Entry {
	e := &proto.Entry{Poll: proto.Poll{At: at}, EvaluatedAt: at}
	for _, id := range devices {
		e.Results = append(e.Results, proto.Result{Device: id, Score: score, ObservedAt: at})
	}
	return e
}

func TestPastKeepsHysteresisAndGrace(t *testing.T) {
	again := 80.0
	check := &proto.Check{ID: chk(0), Type: proto.TypeCustomS2S, Operator: ">=", Score: 60, RecoverScore: &again,
		Grace: 10 * time.Hour}
	past := trial.NewPast(fold.Config{}, check)
	for i, c := range []struct {
		hour    int
		score   int
		outcome proto.Outcome
		reason  proto.Reason
		changed int
	}{
		{0, 50, proto.OutcomeFail, proto.ReasonScore, 0}, // the first evidence begins no grace
		{6, 70, proto.OutcomeFail, proto.ReasonScore, 0}, // not recovered
		{12, 80, proto.OutcomePass, proto.ReasonScore, 1},
		{18, 10, proto.OutcomePass, proto.ReasonGrace, 0},
		{24, 70, proto.OutcomePass, proto.ReasonGrace, 0},
		{30, 70, proto.OutcomeFail, proto.ReasonScore, 1},
		{36, 90, proto.OutcomePass, proto.ReasonScore, 1},
	} {
		// A second device moves the first one to another place every time.
		devices := []proto.ID{dev(1), dev(2)}
		if i%2 == 1 {
			devices = []proto.ID{dev(2), dev(1)}
		}
		changed := past.Entry(1, polled(epoch.Add(time.Duration(c.hour)*time.Hour), c.score, devices...))
		counts := past.Counts()
		if counts.Decided[trial.Decision{Outcome: c.outcome, Reason: c.reason}] != 2 || changed != 2*c.changed {
			t.Errorf("hour %d, score %d: %v, %d changed", c.hour, c.score, counts.Decided, changed)
		}
	}
}

// Several pages, and one of them loses a device: the counts are those of every page's newest entry.
func TestPastCountsEveryPage(t *testing.T) {
	check := &proto.Check{ID: chk(0), Type: proto.TypeCustomS2S, Operator: ">=", Score: 60}
	past := trial.NewPast(fold.Config{}, check)
	past.Entry(1, polled(epoch, 70, dev(1), dev(2)))
	past.Entry(2, polled(epoch, 50, dev(3)))
	if c := past.Counts(); c.Devices != 3 || c.Outcome(proto.OutcomePass) != 2 || c.Flips[proto.OutcomeFail] != 1 {
		t.Errorf("%+v", c)
	}
	past.Entry(1, polled(epoch, 70, dev(2)))
	past.Entry(2, &proto.Entry{Closed: true})
	if c := past.Counts(); c.Devices != 1 || past.Pages() != 2 || !past.Has(2) || past.Has(3) {
		t.Errorf("%+v", c)
	}
}
