package policytest_test

import (
	"fmt"
	"runtime"
	"testing"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
)

// BenchmarkPolicyTest runs a test of 20,000 users with a device each. Half of the devices pass the check. The
// allocations include those of the bus's server.
func BenchmarkPolicyTest(b *testing.B) {
	const pages = 20
	f := apitest.Start(b)
	f.StorePages(pages)
	integration := f.Want(200, "POST", "/devices/posture/integration", apitest.IntegrationBody())
	check := f.Want(200, "POST", "/devices/posture", apitest.CheckBody(integration["id"]))
	var logins []*proto.Session
	for n := range topology.PageNumber(pages) {
		ref := topology.PageRef{Account: f.Account, Integration: apitest.ID(integration), Page: n}
		e := &proto.Entry{Tick: 1, Checks: []proto.CheckRef{{ID: apitest.ID(check)}}}
		var p proto.Page
		if _, err := f.Conn.Get(b.Context(), topology.Devices, topology.PageKey(f.Account, n), &p); err != nil {
			b.Fatal(err)
		}
		for i, d := range p.Devices {
			o := []proto.Outcome{proto.OutcomePass, proto.OutcomeFail}[i%2]
			e.Results = append(e.Results, proto.Result{Device: d.ID, Score: 50,
				Verdicts: []proto.Verdict{{Outcome: o, Reason: proto.ReasonScore, Observed: o}}})
			logins = append(logins, &proto.Session{Nonce: fmt.Sprint(len(logins)), Email: d.Email, Name: d.Email,
				IP: "192.0.2.7", StartedAt: 1, Claims: []byte(`{"groups":["a","b","c"],"department":"it"}`)})
		}
		if _, err := f.Conn.Publish(b.Context(), bus.Outgoing{Subject: topology.Log(ref), Body: e}); err != nil {
			b.Fatal(err)
		}
	}
	f.StoreLogins(logins)
	require := []any{rule("device_posture", "integration_uid", apitest.Text(check, "id"))}
	for name, policy := range map[string]any{
		"of addresses": inline("p", "allow", []any{rule("email_domain", "domain", "example.com")}, nil, nil),
		"of posture":   inline("p", "allow", []any{apitest.Everyone()}, require, nil),
	} {
		b.Run(name, func(b *testing.B) {
			f := f.In(b)
			var before, after runtime.MemStats
			for b.Loop() {
				runtime.ReadMemStats(&before)
				id := apitest.Text(f.Want(200, "POST", path, map[string]any{"policies": []any{policy}}), "id")
				var progress map[string]any
				bustest.Eventually(b, "the test ends", func() bool {
					progress = f.Want(200, "GET", path+"/"+id, nil)
					return progress["status"] != "processing"
				})
				runtime.ReadMemStats(&after)
				if progress["status"] != "complete" || progress["total_users"] != float64(pages*proto.PageSize) {
					b.Fatalf("%v", progress)
				}
			}
			b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(len(logins)), "B/user")
		})
	}
}
