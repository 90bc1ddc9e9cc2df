package api_test

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/internal/credential"
)

// BenchmarkLargeAccount reads an account of 10,000 applications, policies and service tokens and 1,000,000 devices.
func BenchmarkLargeAccount(b *testing.B) {
	const n = 10_000
	f := apitest.Start(b)
	var config, tokens []bus.Outgoing
	var ids [3]proto.ID
	f.Want(201, "POST", "/access/apps", map[string]any{"name": "app", "domain": "h.example.com",
		"session_duration": "1h", "policies": []any{apitest.PolicyBody("policy", proto.NewID().String())}})
	var a proto.Application
	var p proto.Policy
	for kind, record := range map[topology.Kind]proto.Message{topology.KindApplication: &a, topology.KindPolicy: &p} {
		if _, err := f.Conn.Get(b.Context(), topology.Config, f.ConfigKeys(kind)[0], record); err != nil {
			b.Fatal(err)
		}
	}
	a.Domains, p.Owner = nil, proto.ID{}
	for i := range n {
		app, policy, token := proto.NewID(), proto.NewID(), proto.NewID()
		ids = [3]proto.ID{app, policy, token}
		a, p := a, p
		a.ID, a.Name, a.CreatedAt = app, fmt.Sprint("app ", i), proto.Millis(i)
		a.Policies = []proto.PolicyLink{{Policy: policy, Precedence: 1}}
		p.ID, p.CreatedAt = policy, proto.Millis(i)
		t := proto.ServiceToken{ID: token, ClientID: credential.NewClientID(), Name: fmt.Sprint(i), DurationText: "1h",
			CreatedAt: proto.Millis(i)}
		key := apitest.Must(topology.ServiceTokenKey(f.Account, t.ClientID))
		config = append(config,
			bus.PutMsg(topology.Config, topology.ConfigKey(f.Account, topology.KindApplication, app), &a, 0),
			bus.PutMsg(topology.Config, topology.ConfigKey(f.Account, topology.KindPolicy, policy), &p, 0))
		tokens = append(tokens, bus.PutMsg(topology.Tokens, key, &t, 0))
	}
	for _, err := range append(f.Conn.PublishAll(b.Context(), config), f.Conn.PublishAll(b.Context(), tokens)...) {
		if err != nil {
			b.Fatal(err)
		}
	}
	enrolled := f.StorePages(1000)
	for _, path := range []string{
		"/access/apps?per_page=100", "/access/apps", "/access/policies?per_page=100",
		"/access/service_tokens?per_page=100", "/access/service_tokens", "/access/apps?search=app+77",
		"/access/service_tokens?search=77", "/access/apps/" + ids[0].String(), "/access/policies/" + ids[1].String(),
		"/access/service_tokens/" + ids[2].String(), "/devices/physical-devices/" + enrolled.String(),
	} {
		b.Run("GET "+path[:min(len(path), 40)], func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				req, w := f.Request("GET", f.Path(path), nil), httptest.NewRecorder()
				at := time.Now()
				if f.Handler.ServeHTTP(w, req); w.Code != 200 {
					b.Fatal(w.Code)
				}
				took = append(took, time.Since(at))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-p50")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms-p99")
		})
	}
	b.Run("create an application", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			f.Want(201, "POST", "/access/apps", map[string]any{"domain": fmt.Sprintf("new%d-%d.example.com", b.N, i)})
		}
	})
}
