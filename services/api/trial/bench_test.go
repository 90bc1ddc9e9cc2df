package trial_test

import (
	"math/rand/v2"
	"net/http/httptest"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
)

// BenchmarkTry tries a check on 1,000,000 devices: against the newest scores, and against two polls in the log. heap-MB
// is the largest growth of the heap of the process, in which the bus's server runs as well. Run it with -benchtime 3x.
func BenchmarkTry(b *testing.B) {
	const pages, polls = 1000, 2
	f := apitest.Start(b)
	f.Clock.Set(time.Now())
	f.StorePages(1)
	i := f.Want(200, "POST", "/devices/posture/integration", apitest.IntegrationBody())
	check := apitest.ID(f.Want(200, "POST", "/devices/posture", apitest.CheckBody(i["id"])))
	other := apitest.ID(f.Want(200, "POST", "/devices/posture", apitest.CheckBody(i["id"])))
	first := storePolls(b, f, apitest.ID(i), []proto.ID{check, other}, pages, polls)
	f.Clock.Set(time.Now())
	edit := map[string]any{"rule_id": check, "rule": map[string]any{"x_recover_score": 75}}
	for name, members := range map[string]map[string]any{
		"newest": {}, "log, a step": {"since": first.Add(-time.Second).Format(time.RFC3339Nano), "step": "1h"}} {
		b.Run(name, func(b *testing.B) {
			var grown uint64
			for b.Loop() {
				grown = max(grown, growth(func() {
					w := httptest.NewRecorder()
					f.Handler.ServeHTTP(w, f.Request("POST", f.Path("/plumbline/checks/try"), apitest.Plus(members, edit)))
					if w.Code != 200 {
						b.Fatalf("%d %s", w.Code, w.Body)
					}
				}))
			}
			b.ReportMetric(float64(grown)/1e6, "heap-MB")
		})
	}
}

// storePolls stores the entries of polls of full pages, with two checks, and returns the time before the first one.
func storePolls(b *testing.B, f *apitest.Fixture, integration proto.ID, checks []proto.ID, pages, polls int) time.Time {
	b.Helper()
	began, r := time.Now(), rand.New(rand.NewPCG(1, 2))
	for tick := range polls {
		for page := range pages {
			now := proto.At(time.Now())
			e := proto.Entry{Tick: uint64(tick + 1), EvaluatedAt: now, Poll: proto.Poll{At: now, Status: 200},
				Checks: []proto.CheckRef{{ID: checks[0], Revision: 1}, {ID: checks[1], Revision: 1}}}
			for n := range proto.PageSize {
				score := r.IntN(101)
				v := proto.Verdict{Outcome: proto.OutcomeFail, Reason: proto.ReasonScore, Observed: proto.OutcomeFail}
				if score >= 60 {
					v.Outcome, v.Observed = proto.OutcomePass, proto.OutcomePass
				}
				e.Results = append(e.Results, proto.Result{Device: proto.ID{byte(page >> 8), byte(page), byte(n >> 8), byte(n)},
					Score: score, ObservedAt: now, S2SID: "agent-0123456789", Verdicts: []proto.Verdict{v, v}})
			}
			ref := topology.PageRef{Account: f.Account, Integration: integration, Page: topology.PageNumber(page)}
			if _, err := f.Conn.Publish(b.Context(), bus.Outgoing{Subject: topology.Log(ref), Body: &e,
				Header: e.Headers(nil)}); err != nil {
				b.Fatal(err)
			}
		}
	}
	end, err := f.Conn.Position(b.Context(), topology.PostureLog)
	if err != nil {
		b.Fatal(err)
	}
	bustest.Eventually(b, "the state has every entry", func() bool {
		ref := topology.PageRef{Account: f.Account, Integration: integration, Page: topology.PageNumber(pages - 1)}
		m, err := f.Conn.Last(b.Context(), topology.PostureState, topology.Log(ref))
		if err != nil {
			return false
		}
		seq, err := bus.LogSequence(m)
		return err == nil && seq == end.Last
	})
	return began
}

// growth runs do, and returns the most by which it made the heap grow, sampled every 5 ms.
func growth(do func()) uint64 {
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var most atomic.Uint64
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			case <-time.After(5 * time.Millisecond):
				runtime.ReadMemStats(&now)
				most.Store(max(most.Load(), now.HeapAlloc-min(before.HeapAlloc, now.HeapAlloc)))
			}
		}
	}()
	do()
	close(done)
	<-ended
	return most.Load()
}
