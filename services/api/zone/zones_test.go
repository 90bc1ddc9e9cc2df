package zone_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api"
	"plumbline.dev/services/api/apitest"
	apizone "plumbline.dev/services/api/zone"
)

// at sends a request with a token. The path is below /client/v4.
func at(f *apitest.Fixture, token, method, path string, body any) apitest.Response {
	f.T.Helper()
	req := f.Request(method, "/client/v4"+path, body)
	req.Header.Set("Authorization", "Bearer "+token)
	return f.Send(req)
}

// giveHost gives a zone a host suffix.
func giveHost(f *apitest.Fixture, t *testing.T, zone proto.Account, host string) {
	t.Helper()
	if r := at(f, apitest.Bootstrap, "PUT", "/zones/"+zone.String(), map[string]any{"name": host}); r.Status != 200 {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
}

func TestResourcesOfZones(t *testing.T) {
	t.Parallel()
	zone, other := "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"
	f := apitest.Start(t, func(c *api.Config) {
		c.Zones = []apizone.Configured{{ID: apitest.Must(proto.ParseAccount(zone)), Hosts: []string{"example.com"}},
			{ID: apitest.Must(proto.ParseAccount(other)), Hosts: []string{"example.org"}}}
	})
	do := func(method, zone, path string, body any) apitest.Response {
		t.Helper()
		return f.Send(f.Request(method, "/client/v4/zones/"+zone+path, body))
	}
	id := func(r apitest.Response) string {
		t.Helper()
		var one struct{ ID string }
		if r.Status != 201 || json.Unmarshal(r.Result, &one) != nil {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
		return one.ID
	}
	for path, body := range map[string]any{
		"/access/service_tokens": map[string]any{"name": "t"},
		"/access/apps": map[string]any{"name": "a", "domain": "a.example.com",
			"policies": []any{apitest.PolicyBody("p", "x")}},
		"/access/groups":             apitest.GroupBody("g"),
		"/access/identity_providers": apitest.ProviderBody(),
	} {
		one := path + "/" + id(do("POST", zone, path, body))
		for at, want := range map[string]int{zone: 200, other: 404} {
			if r := do("GET", at, one, nil); r.Status != want {
				t.Errorf("%s in %s: %d", path, at, r.Status)
			}
			if r := do("GET", at, path, nil); r.ResultInfo["total_count"] != map[int]float64{200: 1, 404: 0}[want] {
				t.Errorf("%s in %s: %s", path, at, r.Body)
			}
		}
		f.Want(200, "GET", one, nil) // the account has the resources of its zones
		if r := do("DELETE", other, one, nil); r.Status != 404 {
			t.Errorf("delete of %s: %d", path, r.Status)
		}
		if r := do("DELETE", zone, one, nil); r.Status/100 != 2 {
			t.Errorf("delete of %s: %d %s", path, r.Status, r.Body)
		}
	}
	for at, want := range map[string]int{"00000000000000000000000000000001": 403, "x": 404} {
		if r := do("GET", at, "/access/groups", nil); r.Status != want {
			t.Errorf("zone %s: %d %s", at, r.Status, r.Body)
		}
	}
	if r := do("GET", zone, "/access/policies", nil); r.Status != 404 {
		t.Errorf("reusable policies are the account's: %d", r.Status)
	}
	stranger := f.Request("GET", "/client/v4/zones/"+zone+"/access/groups", nil)
	stranger.Header.Set("Authorization", "Bearer "+apitest.Bootstrap+"x")
	if r := f.Send(stranger); r.Status != 403 {
		t.Errorf("a stranger: %d", r.Status)
	}
}

func TestConfiguredZones(t *testing.T) {
	t.Parallel()
	zone := proto.NewAccount()
	f := apitest.Start(t, func(c *api.Config) { c.Zones = []apizone.Configured{{ID: zone, Hosts: []string{"Lab"}}} })
	path := "/zones/" + zone.String()
	for method, body := range map[string]any{"PUT": map[string]any{"name": "example"}, "DELETE": nil} {
		if r := at(f, apitest.Bootstrap, method, path, body); r.Status != 400 ||
			!strings.Contains(string(r.Body), "--zone") {
			t.Errorf("%s: %d %s", method, r.Status, r.Body)
		}
	}
	token := f.ZoneToken(zone)
	if r := at(f, token, "POST", path+"/access/apps",
		map[string]any{"name": "a", "domain": "a.lab"}); r.Status != http.StatusCreated {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	var z apizone.Configured
	if err := z.UnmarshalText([]byte(zone.String() + "=lab,example.com")); err != nil || z.ID != zone ||
		len(z.Hosts) != 2 {
		t.Error(z, err)
	}
	for _, text := range []string{"", "lab", "x=lab", zone.String(), zone.String() + "="} {
		if z.UnmarshalText([]byte(text)) == nil {
			t.Errorf("%q is a zone", text)
		}
	}
	wildcard := f.Config
	wildcard.Zones = []apizone.Configured{{ID: zone, Hosts: []string{"*.lab"}}}
	if _, err := api.New(wildcard, api.Deps{}); err == nil {
		t.Error("a wildcard is a host suffix")
	}
}

// TestUnreadableZone checks that a zone with an unreadable record keeps its hosts. If no replica knows them, no zone
// gets hosts and no application is placed in a zone, until the record is replaced or deleted.
func TestUnreadableZone(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	outer, inner := proto.NewAccount(), proto.NewAccount()
	giveHost(f, t, outer, "lab")
	giveHost(f, t, inner, "inner.lab")
	token := f.ZoneToken(outer)
	spoil := func() {
		t.Helper()
		f.Want(200, "GET", "/access/tags", nil) // the api has seen what is about to be overwritten
		key := topology.ConfigKey(f.Account, topology.KindZone, topology.ZoneID(inner))
		subject := topology.BucketSubject(topology.Config, key)
		if _, err := f.Conn.JetStream().Publish(t.Context(), subject, []byte("garbage")); err != nil {
			t.Fatal(err)
		}
	}
	app := func(domain string) apitest.Response {
		return at(f, token, "POST", "/zones/"+outer.String()+"/access/apps",
			map[string]any{"name": "app", "domain": domain, "x_origin_url": "http://127.0.0.1:1"})
	}
	want := func(r apitest.Response, status int, says string) {
		t.Helper()
		if r.Status != status || !strings.Contains(string(r.Body), says) {
			t.Errorf("%d %s, want %d with %q", r.Status, r.Body, status, says)
		}
	}
	spoil()
	want(at(f, apitest.Bootstrap, "GET", "/zones/"+inner.String(), nil), 200, `"x_unreadable":true`)
	want(app("a.inner.lab"), 400, "belongs to another zone")
	want(app("a.lab"), 201, "a.lab")
	want(at(f, apitest.Bootstrap, "POST", "/zones", map[string]any{"name": "inner.lab"}), 409, "belongs to the zone")

	f.Stop()
	f.API = f.Replica()
	f.Handler = f.API.Handler()
	want(app("b.inner.lab"), 409, "the record of the zone "+inner.String()+" cannot be read")
	want(app("b.lab"), 409, "cannot be read")
	want(at(f, apitest.Bootstrap, "POST", "/zones", map[string]any{"name": "inner.lab"}), 409, "cannot be read")
	want(at(f, apitest.Bootstrap, "GET", "/zones", nil), 200, `"x_unreadable":true`)
	giveHost(f, t, inner, "inner.lab")
	want(app("b.inner.lab"), 400, "belongs to another zone")
	want(app("b.lab"), 201, "b.lab")
	spoil()
	want(at(f, apitest.Bootstrap, "DELETE", "/zones/"+inner.String(), nil), 200, inner.String())
	want(app("c.inner.lab"), 201, "c.inner.lab")
}
