package evaluator_test

import (
	"testing"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// BenchmarkChanges measures polls that change outcomes: the first poll of an integration with two checks, in which
// every result is new, and polls in which 3 % of the devices change. A round has BENCH_PAGES full pages, 20 by default;
// 1000 of them are 1,000,000 devices. Every round has an integration of its own. It reports medians, and the bytes that
// a round adds to POSTURE_LOG. To compare two versions, run it on both in turns.
func BenchmarkChanges(b *testing.B) {
	const later = 3 // polls after the first one
	pages := benchPages(b)
	f := newFixture(b, topology.Options{LogMaxBytes: 16 << 30})
	first, next := &fleetUnder{name: "first"}, &fleetUnder{name: "3-percent"}
	var firstBytes, nextBytes []float64
	f.remember(2 * pages)
	for b.Loop() {
		b.StopTimer()
		u := &fleetUnder{off: true}
		f.under(u, pages)
		for !f.handled() {
			<-time.After(50 * time.Millisecond)
		}
		u.score(80)
		b.StartTimer()
		size := f.logBytes()
		f.timed(u)
		firstBytes = append(firstBytes, f.logBytes()-size)
		for range later {
			u.flip(proto.PageSize * 3 / 100)
			size = f.logBytes()
			f.timed(u)
			nextBytes = append(nextBytes, f.logBytes()-size)
		}
		first.took, first.cpu = append(first.took, u.took[0]), append(first.cpu, u.cpu[0])
		next.took, next.cpu = append(next.took, u.took[1:]...), append(next.cpu, u.cpu[1:]...)
	}
	b.StopTimer()
	for i, u := range []*fleetUnder{first, next} {
		b.ReportMetric(quantile(u.took, 0.5), u.name+"-ms")
		b.ReportMetric(quantile(u.cpu, 0.5), u.name+"-cpu-ms")
		b.ReportMetric((quantile(u.cpu, 0.75)-quantile(u.cpu, 0.25))/quantile(u.cpu, 0.5), u.name+"-cpu-spread")
		b.ReportMetric(quantile([][]float64{firstBytes, nextBytes}[i], 0.5)/float64(pages*proto.PageSize),
			u.name+"-B/device")
	}
}

// flip changes the outcomes of the first n devices of each page that the last flip did not change.
func (u *fleetUnder) flip(n int) {
	for i := range u.inputs {
		all := u.inputs[i].Observations
		at := int(u.tick) * n //nolint:gosec // a few ticks
		for d := range n {
			o := &all[(at+d)%len(all)]
			if o.Score >= 60 {
				o.Score = 10
			} else {
				o.Score = 80
			}
		}
	}
}

// logBytes returns the size of POSTURE_LOG.
func (f *fixture) logBytes() float64 {
	f.t.Helper()
	stream, err := f.operator.JetStream().Stream(f.t.Context(), topology.PostureLog)
	if err != nil {
		f.t.Fatal(err)
	}
	return float64(stream.CachedInfo().State.Bytes)
}
