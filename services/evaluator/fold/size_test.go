package fold_test

import (
	"testing"

	"plumbline.dev/proto"
	"plumbline.dev/services/evaluator/fold"
)

// At rest a breaker makes an entry less than 3 % larger, headers included: also when a few devices flip.
func TestABreakerHardlyAddsToAnEntry(t *testing.T) {
	size := func(o *proto.Organization, flips int) (n int) {
		entry, in, on := full(2)
		on.Config.Organization = o
		for i := range in.Observations {
			in.Observations[i].Score = entry.Results[i].Score
			if i < flips {
				in.Observations[i].Score = 100 - in.Observations[i].Score
			}
		}
		e := fold.Next(entry, in, on).Entry
		if e.State(0).Hold != nil {
			t.Fatal("it is held")
		}
		body, err := proto.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		for name, values := range e.Headers(flips) {
			if o == nil || !o.Breaker.Off || name != proto.HeaderFlips { // an entry without breakers has no use for it
				n += len(name) + len(values[0]) + 4
			}
		}
		return n + len(body)
	}
	off := &proto.Organization{Breaker: &proto.Breaker{Off: true}}
	for _, flips := range []int{0, 20} {
		without, with := size(off, flips), size(nil, flips)
		t.Logf("%d flips: %d bytes without breakers, %d with (%+.2f %%)", flips, without, with, 100*float64(with-without)/float64(without))
		if with*100 > without*103 {
			t.Errorf("%d flips: %d bytes without breakers, %d with", flips, without, with)
		}
	}
}
