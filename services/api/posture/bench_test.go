package posture_test

import (
	"bytes"
	"net/http/httptest"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
)

// BenchmarkLogs reads 200 polls of a page of 1,000 devices, among as many polls of another page.
func BenchmarkLogs(b *testing.B) {
	f := apitest.Start(b)
	f.StartRegistry()
	some := f.StorePages(2)
	i := f.Want(200, "POST", "/devices/posture/integration", apitest.IntegrationBody())
	check := apitest.Must(proto.ParseID(apitest.Text(f.Want(200, "POST", "/devices/posture", apitest.CheckBody(i["id"])),
		"id")))
	for tick := range uint64(200) {
		for page := range topology.PageNumber(2) {
			now := proto.At(time.Now())
			e := proto.Entry{Tick: tick + 1, EvaluatedAt: now, Poll: proto.Poll{At: now, Status: 200},
				Checks: []proto.CheckRef{{ID: check}}}
			var p proto.Page
			if _, err := f.Conn.Get(b.Context(), topology.Devices, topology.PageKey(f.Account, page), &p); err != nil {
				b.Fatal(err)
			}
			for n := range p.Devices {
				e.Results = append(e.Results,
					proto.Result{Device: p.Devices[n].ID, Score: n % 100, ObservedAt: now, S2SID: "0123456789",
						Verdicts: []proto.Verdict{{Outcome: proto.OutcomePass, Reason: proto.ReasonScore,
							Observed: proto.OutcomePass}}})
			}
			ref := topology.PageRef{Account: f.Account, Integration: apitest.ID(i), Page: page}
			if _, err := f.Conn.Publish(b.Context(), bus.Outgoing{Subject: topology.Log(ref), Body: &e,
				Header: map[string][]string{proto.HeaderSummary: {e.Summarize(0).String()}}}); err != nil {
				b.Fatal(err)
			}
		}
	}
	for name, path := range map[string]string{
		"history, 100 results": "/plumbline/results/devices/" + some.String() + "?history=1",
		"explain":              "/plumbline/explain/" + some.String(),
		"polls, 20":            "/plumbline/integrations/" + apitest.Text(i, "id") + "/polls?since=2020-01-01T00:00:00Z",
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if r := f.Do("GET", path, nil); r.Status != 200 {
					b.Fatalf("%d %s", r.Status, r.Body)
				}
			}
		})
	}
	b.Run("posture log, 400000 lines", func(b *testing.B) {
		for b.Loop() {
			w := httptest.NewRecorder()
			f.Handler.ServeHTTP(w, f.Request("GET", f.Path("/plumbline/posture-log"), nil))
			if n := bytes.Count(w.Body.Bytes(), []byte("\n")); n != 400_000 {
				b.Fatalf("%d lines", n)
			}
		}
	})
}
