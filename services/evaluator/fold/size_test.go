package fold_test

import (
	"testing"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/evaluator/fold"
)

// At rest a breaker makes an entry less than 3 % larger, headers included: also when a few devices flip.
func TestABreakerHardlyAddsToAnEntry(t *testing.T) {
	size := func(o *proto.Organization, flips int) (n int) {
		_, in, on := full(2)
		on.Config.Organization = o
		for i := range in.Observations {
			in.Observations[i].Score = 60 + i%40
		}
		on.Config.Checks = []fold.Check{check(1, 1, ">=", 50, time.Hour), check(2, 1, ">=", 60, time.Hour)}
		entry := fold.Next(nil, in, on).Entry
		for i := range flips {
			in.Observations[i].Score = 0
		}
		in.Tick++
		step := fold.Next(entry, in, on)
		e := step.Entry
		if e.State(0).Hold != nil || step.Changed() != 2*flips {
			t.Fatalf("%d changed, hold %+v", step.Changed(), e.State(0).Hold)
		}
		body, err := proto.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		for name, values := range e.Headers(step.ChangedByCheck()) {
			if o == nil || name != proto.HeaderFlips { // an entry without breakers has no use for it
				n += len(name) + len(values[0]) + 4
			}
		}
		return n + len(body)
	}
	off := &proto.Organization{Breaker: &proto.BreakerSettings{Off: new(true)}}
	for _, flips := range []int{0, 20} {
		without, with := size(off, flips), size(nil, flips)
		t.Logf("%d flips: %d bytes without breakers, %d with", flips, without, with)
		if with*100 > without*103 {
			t.Errorf("%d flips: %d bytes without breakers, %d with", flips, without, with)
		}
	}
}
