package api

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/access"
	"plumbline.dev/services/api/device"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/credential"
)

// BenchmarkLargeAccount: an account of 10,000 applications, policies and service tokens, and a fleet of
// 1,000,000 devices in the index.
func BenchmarkLargeAccount(b *testing.B) {
	const n = 10_000
	y := start(b)
	var config, tokens []bus.Outgoing
	var ids [3]proto.ID
	for i := range n {
		app, policy, token := proto.NewID(), proto.NewID(), proto.NewID()
		ids = [3]proto.ID{app, policy, token}
		body := must(v4.ParseObject(fmt.Appendf(nil, `{"name":"app %d","domain":"h%d.example.com","session_duration":"1h"}`, i, i)))
		a := proto.Application{ID: app, AUD: access.NewAUD(), Policies: []proto.PolicyLink{{Policy: policy, Precedence: 1}}, CreatedAt: proto.Millis(i)}
		p := proto.Policy{ID: policy, CreatedAt: proto.Millis(i)}
		if err := access.ReadApplication(body, &a, nil); err != nil {
			b.Fatal(err)
		}
		if err := access.ReadPolicy(must(v4.ParseObject([]byte(jsonText(b, policyBody(fmt.Sprint(i), token.String()))))), &p); err != nil {
			b.Fatal(err)
		}
		t := proto.ServiceToken{ID: token, ClientID: credential.NewClientID(), Name: fmt.Sprint(i), DurationText: "1h", CreatedAt: proto.Millis(i)}
		config = append(config, bus.PutMsg(topology.Config, topology.ConfigKey(y.account, topology.KindApplication, app), &a, 0),
			bus.PutMsg(topology.Config, topology.ConfigKey(y.account, topology.KindPolicy, policy), &p, 0))
		tokens = append(tokens, bus.PutMsg(topology.Tokens, must(topology.ServiceTokenKey(y.account, t.ClientID)), &t, 0))
	}
	for _, err := range append(y.conn.PublishAll(b.Context(), config), y.conn.PublishAll(b.Context(), tokens)...) {
		if err != nil {
			b.Fatal(err)
		}
	}
	pages := map[topology.PageNumber]*device.IndexedPage{}
	for p := range topology.PageNumber(1000) {
		var page proto.Page
		for range proto.PageSize {
			page.Devices = append(page.Devices, proto.Device{ID: proto.NewID()})
		}
		pages[p] = device.IndexPage(&page, 1)
	}
	y.api.device.Inventory.Mu.Lock()
	y.api.device.Inventory.Pages[y.account] = pages
	y.api.device.Inventory.Mu.Unlock()
	for _, path := range []string{
		"/access/apps?per_page=100", "/access/apps", "/access/policies?per_page=100", "/access/service_tokens?per_page=100", "/access/service_tokens",
		"/access/apps?search=app+77", "/access/service_tokens?search=77",
		"/access/apps/" + ids[0].String(), "/access/policies/" + ids[1].String(), "/access/service_tokens/" + ids[2].String(),
	} {
		b.Run("GET "+path[:min(len(path), 40)], func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				req, w := y.request("GET", y.path(path), nil), httptest.NewRecorder()
				at := time.Now()
				if y.handler.ServeHTTP(w, req); w.Code != 200 {
					b.Fatal(w.Code)
				}
				took = append(took, time.Since(at))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-p50")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms-p99")
		})
	}
	b.Run("find a device", func(b *testing.B) {
		for b.Loop() {
			if _, found := y.api.device.Inventory.PageOf(y.account, pages[999].IDs[500]); !found {
				b.Fatal("not found")
			}
		}
	})
	b.Run("create an application", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			y.want(201, "POST", "/access/apps", map[string]any{"domain": fmt.Sprintf("new%d-%d.example.com", b.N, i)})
		}
	})
}
