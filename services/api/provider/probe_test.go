package provider_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/provider"
)

// fakeGateway stands in for the gateway: it answers tests of identity providers.
type fakeGateway struct {
	mu     sync.Mutex
	asked  []proto.ProviderProbe
	answer proto.ProviderProbeAnswer
	silent bool
}

func newFakeGateway(f *apitest.Fixture) *fakeGateway {
	f.T.Helper()
	g := &fakeGateway{}
	conn := f.Bus.Conn(topology.Gateway)
	_, err := conn.NATS().Subscribe(topology.AskedByAll(topology.AllProviderProbes), func(m *nats.Msg) {
		g.mu.Lock()
		defer g.mu.Unlock()
		var q proto.ProviderProbe
		if err := proto.Unmarshal(m.Data, &q); err != nil {
			f.T.Error(err)
		}
		g.asked = append(g.asked, q)
		if g.silent {
			return
		}
		data, err := proto.Marshal(&g.answer)
		if err == nil {
			err = m.Respond(data)
		}
		if err != nil {
			f.T.Error(err)
		}
	})
	if err == nil {
		err = conn.NATS().Flush()
	}
	if err != nil {
		f.T.Fatal(err)
	}
	return g
}

func (g *fakeGateway) answers(a proto.ProviderProbeAnswer, silent bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answer, g.silent, g.asked = a, silent, nil
}

func (g *fakeGateway) calls() []proto.ProviderProbe {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]proto.ProviderProbe(nil), g.asked...)
}

// TestSavedProvidersAreTested checks that a provider is saved whatever its test finds, and that the response says why
// logins would fail.
func TestSavedProvidersAreTested(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t, func(c *api.Config) { c.ProbeTimeout = time.Second })
	const path = "/access/identity_providers"
	wants := func(r apitest.Response, status int, sentence string) {
		t.Helper()
		got := r.Message(provider.CodeProviderTest)
		if r.Status != status || !strings.Contains(got, sentence) || (sentence == "") != (got == "") {
			t.Errorf("%d %q, want %d with %q", r.Status, got, status, sentence)
		}
	}
	wants(f.Do("POST", path, apitest.ProviderBody()), 201, "was not tested. No gateway is running: start one")

	g := newFakeGateway(f)
	created := f.Do("POST", path, apitest.ProviderBody())
	wants(created, 201, "")
	made := created.Object(t)
	one := path + "/" + apitest.Text(made, "id")
	calls := g.calls()
	if len(calls) != 1 || calls[0].TokenURL != "https://id.example.com/token" ||
		calls[0].CertsURL != "https://id.example.com/certs" ||
		!calls[0].Complete || len(calls[0].SealedSecret) == 0 || calls[0].Provider.String() != apitest.Text(made, "id") {
		t.Errorf("asked %+v", calls)
	}

	g.answers(proto.ProviderProbeAnswer{Failure: "status", Detail: "The provider answered 404."}, false)
	wants(f.Do("PUT", one,
		apitest.ProviderBody(func(body, c map[string]any) { delete(c, "client_secret"); body["name"] = "Renamed" })), 200,
		"")
	if calls := g.calls(); len(calls) != 0 {
		t.Errorf("a rename calls the provider: %+v", calls)
	}
	wants(f.Do("PUT", one, apitest.ProviderBody(func(_, c map[string]any) { c["x_issuer"] = "https://id.example.com" })),
		200,
		"did not pass the test. The provider answered 404.")
	if calls := g.calls(); len(calls) != 1 || calls[0].Issuer != "https://id.example.com" {
		t.Errorf("asked %+v", calls)
	}
	if p := storedProvider(f, made["id"]); p.Issuer != "https://id.example.com" {
		t.Errorf("stored %+v", p)
	}
	wants(f.Do("POST", path,
		map[string]any{"name": "GitHub", "type": "github",
			"config": map[string]any{"client_id": "c", "client_secret": apitest.Secret}}), 201, "")
	g.answers(proto.ProviderProbeAnswer{}, true)
	wants(f.Do("POST", path, apitest.ProviderBody()), 201, "was not tested. No gateway reported in time")
}
