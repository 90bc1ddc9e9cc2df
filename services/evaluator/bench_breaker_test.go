package evaluator_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/evaluator"
)

// A fleetUnder is every page under one integration, with two checks.
type fleetUnder struct {
	name        string
	integration proto.ID
	off         bool
	flips       bool
	tick        uint64
	inputs      []proto.Input
	took, cpu   []float64 // of each round, in ms; cpu is of the process, the server included
}

// BenchmarkBreaker compares polls with breakers and without, in turns over the same pages: at rest, with 2 % of the
// scores drifting without a flip, and with a flip of every result. A round has BENCH_PAGES full pages, 20 by default;
// 1000 of them are 1,000,000 devices. It reports medians, their ratios, and the spread (between the quartiles, of the
// median) of the rounds without breakers.
func BenchmarkBreaker(b *testing.B) {
	pages := benchPages(b)
	f := newFixture(b, topology.Options{})
	all := []*fleetUnder{{name: "rest-off", off: true}, {name: "rest-on"},
		{name: "flips-off", off: true, flips: true}, {name: "flips-held", flips: true}}
	for _, u := range all {
		f.under(u, pages)
	}
	f.remember(4 * pages)
	for !f.handled() {
		<-time.After(50 * time.Millisecond)
	}
	for _, u := range all {
		f.round(u, 80)
	}
	b.ResetTimer()
	for b.Loop() {
		for _, i := range rand.Perm(len(all)) { // the order has an effect
			u := all[i]
			if !u.flips {
				f.measured(u, 80)
				continue
			}
			f.measured(u, 0)
			f.round(u, 80) // not measured: the way back
		}
	}
	b.StopTimer()
	for _, u := range all {
		b.ReportMetric(quantile(u.took, 0.5), u.name+"-ms")
		b.ReportMetric(quantile(u.cpu, 0.5), u.name+"-cpu-ms")
	}
	for i, name := range []string{"rest", "flips"} {
		off, on := all[2*i], all[2*i+1]
		b.ReportMetric(quantile(on.took, 0.5)/quantile(off.took, 0.5), name+"-time-ratio")
		b.ReportMetric(quantile(on.cpu, 0.5)/quantile(off.cpu, 0.5), name+"-cpu-ratio")
		b.ReportMetric((quantile(off.cpu, 0.75)-quantile(off.cpu, 0.25))/quantile(off.cpu, 0.5), name+"-cpu-spread")
	}
}

// benchPages returns the number of pages of a round, from BENCH_PAGES.
func benchPages(b *testing.B) int {
	text := os.Getenv("BENCH_PAGES")
	if text == "" {
		return 20
	}
	pages, err := strconv.Atoi(text)
	if err != nil {
		b.Fatal(err)
	}
	return pages
}

// measured polls every page, and records the time.
func (f *fixture) measured(u *fleetUnder, level int) {
	u.score(level)
	f.timed(u)
}

// timed polls every page with the scores of u, and records the time.
func (f *fixture) timed(u *fleetUnder) {
	runtime.GC() // not to collect the garbage of the last round in this one
	begin := cpuTime(f.t)
	u.took = append(u.took, f.evaluate(u))
	u.cpu = append(u.cpu, float64((cpuTime(f.t)-begin).Microseconds())/1000)
}

// cpuTime returns the processor time of the process so far.
func cpuTime(t testing.TB) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		t.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// under makes an integration with two checks, over existing or new pages.
func (f *fixture) under(u *fleetUnder, pages int) {
	f.t.Helper()
	u.integration = proto.NewID()
	f.put(topology.Config, topology.ConfigKey(f.account, topology.KindIntegration, u.integration),
		&proto.Integration{ID: u.integration, Type: proto.TypeCustomS2S, Interval: time.Minute})
	breaker := proto.DefaultBreaker()
	breaker.Off = u.off
	for _, score := range []float64{50, 60} {
		id := proto.NewID()
		f.put(topology.Config, topology.ConfigKey(f.account, topology.KindCheck, id),
			&proto.Check{ID: id, Type: proto.TypeCustomS2S, Integration: u.integration, Operator: ">=", Score: score,
				Expiration: time.Hour, Breaker: breaker.Settings()})
	}
	for n := range pages {
		in := proto.Input{Cause: proto.CausePoll, Poll: proto.Poll{Attempts: 1, Status: 200}}
		devices := make([]proto.ID, proto.PageSize)
		for i := range devices {
			devices[i] = proto.DeriveID(f.account, fmt.Sprintf("%d of page %d", i, n))
			in.Observations = append(in.Observations,
				proto.Observation{Device: devices[i], S2SID: fmt.Sprintf("agent-%08d", i)})
		}
		if key := topology.PageKey(f.account, topology.PageNumber(n)); f.revisions[key] == 0 {
			f.page(topology.PageNumber(n), devices...)
		}
		u.inputs = append(u.inputs, in)
	}
}

// remember starts an evaluator with this number of entries in memory.
func (f *fixture) remember(entries int) {
	f.t.Helper()
	s, err := evaluator.New(evaluator.Config{Sweep: 20 * time.Millisecond, Remember: entries},
		evaluator.Deps{Bus: f.b.Conn(topology.Evaluator), Log: bustest.Log(f.t), Metrics: prometheus.NewRegistry(),
			Clock: f.clock, Identities: f.identities})
	if err != nil {
		f.t.Fatal(err)
	}
	bustest.Run(f.t, s.Run)
	bustest.Eventually(f.t, "the evaluator is ready", func() bool { return s.Ready(context.Background()) == nil })
}

// round polls every page with the scores of a level.
func (f *fixture) round(u *fleetUnder, level int) {
	u.score(level)
	f.evaluate(u)
}

// score changes the scores. At 80 every result passes, with a drift of the scores; at 0 every one fails.
func (u *fleetUnder) score(level int) {
	for n := range u.inputs {
		in := &u.inputs[n]
		for i := range in.Observations {
			if o := &in.Observations[i]; level == 0 || o.Score < 60 {
				o.Score = level
			}
		}
		if level > 0 {
			for range proto.PageSize / 50 {
				in.Observations[rand.IntN(proto.PageSize)].Score = 60 + rand.IntN(41)
			}
		}
	}
}

// evaluate polls every page and returns how long the evaluation took, in ms.
func (f *fixture) evaluate(u *fleetUnder) float64 {
	f.t.Helper()
	u.tick++
	out := make([]bus.Outgoing, len(u.inputs))
	for n := range u.inputs {
		in := &u.inputs[n]
		in.Tick = u.tick
		ref := topology.PageRef{Account: f.account, Integration: u.integration, Page: topology.PageNumber(n)}
		out[n] = bus.Outgoing{Subject: topology.Scores(ref), Body: in}
	}
	begin := time.Now()
	for some := range slices.Chunk(out, 100) {
		if errs := f.fetcher.PublishAll(f.t.Context(), some); errs != nil {
			f.t.Fatal(errs)
		}
	}
	for !f.handled() { // a million devices on a busy machine take minutes
		<-time.After(5 * time.Millisecond)
	}
	return float64(time.Since(begin).Microseconds()) / 1000
}

func quantile(all []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[int(q*float64(len(sorted)-1))]
}
