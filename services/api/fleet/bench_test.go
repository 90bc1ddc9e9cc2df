package fleet_test

import (
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"runtime"
	"slices"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
)

// BenchmarkMillionDevices reads lists and counts of 1,000,000 devices with three checks over one integration. ms-p95 is
// the 95th percentile of a request. The first request, which reads the whole fleet, is measured by itself.
func BenchmarkMillionDevices(b *testing.B) {
	const pages = 1000
	f := apitest.Start(b)
	f.StorePages(pages)
	i := f.Want(200, "POST", "/devices/posture/integration", apitest.IntegrationBody())
	var checks []proto.ID
	for n := range 3 {
		checks = append(checks, apitest.ID(f.Want(200, "POST", "/devices/posture",
			apitest.With(apitest.CheckBody(i["id"]), "name", fmt.Sprint("check ", n)))))
	}
	storeEntries(b, f, apitest.ID(i), checks, pages)
	get := func(b *testing.B, path string) time.Duration {
		req, w := f.Request("GET", f.Path(path), nil), httptest.NewRecorder()
		at := time.Now()
		if f.Handler.ServeHTTP(w, req); w.Code != 200 {
			b.Fatalf("%d %s", w.Code, w.Body)
		}
		return time.Since(at)
	}
	before := heap()
	first := get(b, path("/counts", ""))
	b.Logf("first count: %v, then %.1f bytes a device in columns, heap %+.1f bytes a device", first,
		f.Metric("plumbline_api_device_columns_bytes")/(pages*proto.PageSize),
		(float64(heap())-float64(before))/(pages*proto.PageSize))
	for _, c := range []struct{ name, path string }{
		{"first page", path("", "")},
		{"counts", path("/counts", "")},
		{"failing", path("", `check:"check 0"=fail`)},
		{"some word, rare", path("", "laptop-777-777")},
		{"not found", path("", "nowhere")},
		{"serial, exact", path("", "serial:C020007770777")},
		{"serial, pattern", path("", "serial:C02*0777")},
		{"user", path("", "user:person777777@example.com")},
		{"rare", path("", `check:"check 1"=fail -user:person1* score<3 age>1s`)},
		{"scores", "/plumbline/devices/scores?integration_id=" + apitest.Text(i, "id")},
		{"counts of a search", path("/counts", "laptop-77")},
		{"counts of a condition", path("/counts", `check:"check 0"=fail OR score<10`)},
	} {
		b.Run(c.name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				took = append(took, get(b, c.path))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "ms-p95")
		})
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// storeEntries stores the entries of a poll of full pages.
func storeEntries(b *testing.B, f *apitest.Fixture, integration proto.ID, checks []proto.ID, pages int) {
	b.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	for n := range topology.PageNumber(pages) {
		var p proto.Page
		if _, err := f.Conn.Get(b.Context(), topology.Devices, topology.PageKey(f.Account, n), &p); err != nil {
			b.Fatal(err)
		}
		now := proto.At(f.Clock.Now())
		e := proto.Entry{Tick: 1, EvaluatedAt: now, Poll: proto.Poll{At: now, Status: 200}}
		for _, id := range checks {
			e.Checks = append(e.Checks, proto.CheckRef{ID: id, Revision: 1})
		}
		for i := range p.Devices {
			score := r.IntN(101)
			v := proto.Verdict{Outcome: proto.OutcomeFail, Reason: proto.ReasonScore, Observed: proto.OutcomeFail}
			if score >= 60 {
				v.Outcome, v.Observed = proto.OutcomePass, proto.OutcomePass
			}
			e.Results = append(e.Results, proto.Result{Device: p.Devices[i].ID, Score: score, ObservedAt: now,
				S2SID: "agent-0123456789", Verdicts: []proto.Verdict{v, v, v}})
		}
		ref := topology.PageRef{Account: f.Account, Integration: integration, Page: n}
		if _, err := f.Conn.Publish(b.Context(), bus.Outgoing{Subject: topology.Log(ref), Body: &e,
			Header: e.Headers(nil)}); err != nil {
			b.Fatal(err)
		}
	}
	bustest.Eventually(b, "the api has every page", func() bool {
		list, _ := f.List("/plumbline/status")
		poll, _ := list[0]["poll"].(map[string]any)
		return poll != nil && poll["done_pages"] == float64(pages)
	})
}
