package fold_test

import (
	"bytes"
	"maps"
	"testing"
	"time"

	"pgregory.net/rapid"
	"plumbline.dev/proto"
	"plumbline.dev/services/evaluator/fold"
	"plumbline.dev/services/evaluator/foldtest"
)

// Any sequence of inputs, on any pages and configurations, gives what the plain model gives; its changes
// lead a follower from each state to the next, and the tick never decreases.
func TestFoldIsTheModel(t *testing.T) { rapid.Check(t, foldIsTheModel) }

func FuzzFoldIsTheModel(f *testing.F) { f.Fuzz(rapid.MakeFuzz(foldIsTheModel)) }

func foldIsTheModel(t *rapid.T) {
	var entry *proto.Entry
	var model foldtest.Model
	follower := foldtest.Follower{}
	tick, revision, now := uint64(1), uint64(1), epoch
	on := fold.Basis{Page: fold.Page{Revision: 1}, Config: fold.Config{Revision: 1, Exists: true}}
	for range rapid.IntRange(1, 30).Draw(t, "steps") {
		revision++
		now = now.Add(time.Duration(rapid.IntRange(-5, 20).Draw(t, "seconds")) * time.Second)
		on.StoredAt, on.Now = now, now+proto.Millis(rapid.IntRange(-3000, 3000).Draw(t, "skew"))
		in := &proto.Input{}
		switch what := rapid.IntRange(0, 9).Draw(t, "what"); what {
		case 0:
			on.Page = fold.Page{Revision: revision, Devices: somePage(t)}
			in.Cause, in.PageRevision = proto.CausePage, revision
		case 1:
			on.Config = fold.Config{Revision: revision, Exists: rapid.IntRange(0, 9).Draw(t, "exists") > 0,
				Checks: someChecks(t, revision, on.Config.Checks)}
			in.Cause, in.ConfigRevision = proto.CauseConfig, revision
		case 2:
			in.Cause = proto.CauseExpired
		default:
			tick += uint64(rapid.IntRange(0, 2).Draw(t, "ticks"))
			in = somePoll(t, tick-uint64(rapid.IntRange(0, 1).Draw(t, "late")), on.Page.Devices)
		}
		before := encode(t, entry)
		step := fold.Next(entry, in, on)
		if !bytes.Equal(before, encode(t, entry)) {
			t.Fatal("the entry that it was given was modified")
		}
		next, writes := model.Apply(in, on)
		if writes != (step.Reason == fold.Written) {
			t.Fatalf("%s: the model says that an entry is written: %t; the fold says %s", in.Cause, writes, step.Reason)
		}
		if !writes {
			continue
		}
		if d := next.Differs(step.Entry); d != "" {
			t.Fatalf("%s: the model and the entry differ: %s", in.Cause, d)
		}
		if err := follower.Follow(step.Changes); err != nil {
			t.Fatal(err)
		}
		if want := foldtest.StateOf(step.Entry); !maps.Equal(follower, want) {
			t.Fatalf("the changes lead to %v, the entry says %v", follower, want)
		}
		between := foldtest.Follower{}
		if entry != nil {
			between = foldtest.StateOf(entry)
		}
		if err := between.Follow(fold.Between(entry, step.Entry)); err != nil {
			t.Fatal(err)
		}
		if want := foldtest.StateOf(step.Entry); !maps.Equal(between, want) {
			t.Fatalf("the changes between the entries lead to %v, the entry says %v", between, want)
		}
		if entry != nil && step.Entry.Tick < entry.Tick {
			t.Fatalf("tick %d after %d", step.Entry.Tick, entry.Tick)
		}
		if due := nextExpiry(step.Entry, on.Config.Checks); due != step.Entry.NextExpiry {
			t.Fatalf("next expiry %d, want %d", step.Entry.NextExpiry, due)
		}
		for i := range step.Entry.Results {
			if step.Entry.Results[i].Device != on.Page.Devices[i] {
				t.Fatal("the results are not in the page's order")
			}
		}
		model = next
		// The next fold begins with the decoded entry.
		entry = new(proto.Entry)
		if err := proto.Unmarshal(encode(t, step.Entry), entry); err != nil {
			t.Fatal(err)
		}
	}
}

func encode(t *rapid.T, e *proto.Entry) []byte {
	if e == nil {
		return nil
	}
	data, err := proto.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func nextExpiry(e *proto.Entry, checks []fold.Check) (due proto.Millis) {
	for _, r := range e.Results {
		for i, c := range e.Checks {
			for _, k := range checks {
				if k.ID != c.ID || k.Expiration == 0 || r.Verdicts[i].Outcome == proto.OutcomeUnknown {
					continue
				}
				if at := r.ObservedAt.Add(k.Expiration); due == 0 || at < due {
					due = at
				}
			}
		}
	}
	return due
}

func somePage(t *rapid.T) []proto.ID {
	ids := rapid.SliceOfNDistinct(rapid.IntRange(1, 8), 0, 6, rapid.ID).Draw(t, "devices")
	var out []proto.ID
	for _, i := range ids {
		out = append(out, dev(byte(i)))
	}
	return out
}

// someChecks keeps some checks as they are, edits some, adds and removes some.
func someChecks(t *rapid.T, revision uint64, old []fold.Check) (out []fold.Check) {
	for i := range 3 {
		at := -1
		for j := range old {
			if old[j].ID == chk(byte(i)) {
				at = j
			}
		}
		switch do := rapid.IntRange(0, 3).Draw(t, "check"); {
		case do == 0:
		case do < 3 && at >= 0:
			out = append(out, old[at])
		default:
			c := check(byte(i), revision,
				rapid.SampledFrom([]proto.Operator{"<", "<=", ">", ">=", "==", "?"}).Draw(t, "operator"),
				float64(rapid.IntRange(0, 4).Draw(t, "score")*25),
				time.Duration(rapid.IntRange(0, 3).Draw(t, "expiration"))*7*time.Second)
			out = append(out, c)
		}
	}
	return out
}

func somePoll(t *rapid.T, tick uint64, asked []proto.ID) *proto.Input {
	in := &proto.Input{Cause: proto.CausePoll, Tick: tick, Poll: proto.Poll{Attempts: 1, Took: time.Second}}
	if rapid.IntRange(0, 4).Draw(t, "failed") == 0 {
		in.Poll.Error = proto.ReasonTimeout
		return in
	}
	if rapid.Bool().Draw(t, "another page") {
		asked = somePage(t) // the call was made of an older or newer page
	}
	for _, id := range asked {
		o := proto.Observation{Device: id, Score: rapid.SampledFrom([]int{0, 25, 26, 50, 75, 100}).Draw(t, "score")}
		switch rapid.IntRange(0, 5).Draw(t, "problem") {
		case 0:
			o.Score, o.Problem = proto.NoScore, proto.ReasonMissing
		case 1:
			o.Score, o.Problem = proto.NoScore, proto.ReasonInvalidScore
		}
		in.Observations = append(in.Observations, o)
	}
	return in
}
