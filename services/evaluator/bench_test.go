package evaluator_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// BenchmarkPolls measures polls of full pages from stored scores to stored entries, on a server without sync: the
// evaluator's own cost.
func BenchmarkPolls(b *testing.B) {
	const pages = 20
	f := newFixture(b, topology.Options{})
	f.check(proto.NewID(), ">=", 50, 0)
	f.check(proto.NewID(), "<", 90, 0)
	var inputs [pages]proto.Input
	for n := range inputs {
		devices := ids(proto.PageSize)
		f.page(topology.PageNumber(n), devices...)
		inputs[n] = proto.Input{Cause: proto.CausePoll, Poll: proto.Poll{Attempts: 1, Status: 200}}
		for i, id := range devices {
			inputs[n].Observations = append(inputs[n].Observations,
				proto.Observation{Device: id, Score: rand.IntN(101), S2SID: fmt.Sprintf("agent-%08d", i)})
		}
	}
	f.evaluators(1)
	f.settled()
	tick := uint64(0)
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		tick++
		all := make([]bus.Outgoing, pages)
		for n := range inputs {
			inputs[n].Tick = tick
			for range proto.PageSize / 50 { // 2 % drift
				inputs[n].Observations[rand.IntN(proto.PageSize)].Score = rand.IntN(101)
			}
			all[n] = bus.Outgoing{Subject: topology.Scores(f.ref(topology.PageNumber(n))), Body: &inputs[n]}
		}
		if errs := f.fetcher.PublishAll(b.Context(), all); errs != nil {
			b.Fatal(errs)
		}
		bustest.Eventually(b, "the round is evaluated", func() bool { return f.handled() })
	}
	b.ReportMetric(float64(b.N*pages*proto.PageSize)/b.Elapsed().Seconds(), "devices/s")
}
