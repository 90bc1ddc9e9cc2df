package api

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"runtime"
	"slices"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// BenchmarkMillionDevices: a fleet of 1,000,000 devices in 1,000 pages.
func BenchmarkMillionDevices(b *testing.B) {
	y := start(b)
	some := y.fill(1000)
	if err := y.api.device.Fresh(b.Context()); err != nil {
		b.Fatal(err)
	}
	size := func() {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.Logf("heap %d MB, with the server's", m.HeapAlloc>>20)
	}
	size()
	middle := y.do("GET", "/devices/physical-devices?per_page=500", nil)
	for range 3 {
		middle = y.do("GET", "/devices/physical-devices?per_page=1000&cursor="+text(middle.ResultInfo, "cursor"), nil)
	}
	for _, c := range []struct{ name, path string }{
		{"first page", "/devices/physical-devices"},
		{"page in the middle", "/devices/physical-devices?cursor=" + text(middle.ResultInfo, "cursor")},
		{"page of 1000", "/devices/physical-devices?per_page=1000"},
		{"get", "/devices/physical-devices/" + some.String()},
		{"by address", "/devices/physical-devices?last_seen_user.email=person777777@example.com"},
		{"search, not found", "/devices/physical-devices?search=nothing"},
		{"sorted by name", "/devices/physical-devices?sort_by=name"},
	} {
		b.Run(c.name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				at := time.Now()
				y.want(200, "GET", c.path, nil)
				took = append(took, time.Since(at))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms-p99")
		})
	}
	b.Run("all in one piece", func(b *testing.B) {
		for b.Loop() {
			r := y.do("GET", "/devices", nil)
			var all []struct{ ID proto.ID }
			if json.Unmarshal(r.Result, &all) != nil || len(all) != 1_000_000 {
				b.Fatalf("%d devices", len(all))
			}
		}
	})
	size()
}

// BenchmarkLogs: 200 polls of a page of 1,000 devices, among as many of another.
func BenchmarkLogs(b *testing.B) {
	y := start(b)
	y.withRegistry()
	some := y.fill(2)
	if err := y.api.device.Fresh(b.Context()); err != nil {
		b.Fatal(err)
	}
	i := y.want(200, "POST", "/devices/posture/integration", integrationBody())
	check := must(proto.ParseID(text(y.want(200, "POST", "/devices/posture", ruleBody(i["id"])), "id")))
	for tick := range uint64(200) {
		for page := range topology.PageNumber(2) {
			now := proto.At(time.Now())
			e := proto.Entry{Tick: tick + 1, EvaluatedAt: now, Poll: proto.Poll{At: now, Status: 200}, Checks: []proto.CheckRef{{ID: check}}}
			var p proto.Page
			if _, err := y.conn.Get(b.Context(), topology.Devices, topology.PageKey(y.account, page), &p); err != nil {
				b.Fatal(err)
			}
			for n := range p.Devices {
				e.Results = append(e.Results, proto.Result{Device: p.Devices[n].ID, Score: n % 100, ObservedAt: now, S2SID: "0123456789",
					Verdicts: []proto.Verdict{{Outcome: proto.OutcomePass, Reason: proto.ReasonScore, Observed: proto.OutcomePass}}})
			}
			ref := topology.PageRef{Account: y.account, Integration: must(proto.ParseID(text(i, "id"))), Page: page}
			if _, err := y.conn.Publish(b.Context(), bus.Outgoing{Subject: topology.Log(ref), Body: &e,
				Header: map[string][]string{proto.HeaderSummary: {e.Summarize(0).String()}}}); err != nil {
				b.Fatal(err)
			}
		}
	}
	for name, path := range map[string]string{
		"history, 100 results": "/plumbline/results/devices/" + some.String() + "?history=1", "explain": "/plumbline/explain/" + some.String(),
		"polls, 20": "/plumbline/integrations/" + text(i, "id") + "/polls?since=2020-01-01T00:00:00Z",
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if r := y.do("GET", path, nil); r.Status != 200 {
					b.Fatalf("%d %s", r.Status, r.Body)
				}
			}
		})
	}
	b.Run("posture log, 400000 lines", func(b *testing.B) {
		for b.Loop() {
			w := httptest.NewRecorder()
			y.handler.ServeHTTP(w, y.request("GET", y.path("/plumbline/posture-log"), nil))
			if n := bytes.Count(w.Body.Bytes(), []byte("\n")); n != 400_000 {
				b.Fatalf("%d lines", n)
			}
		}
	})
}
