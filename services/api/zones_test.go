package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/access"
	"plumbline.dev/services/api/v4"
)

// at makes a request with a token for any path.
func (y *system) at(token, method, path string, body any) response {
	y.t.Helper()
	req := y.request(method, "/client/v4"+path, body)
	req.Header.Set("Authorization", "Bearer "+token)
	return y.raw(req)
}

func (y *system) zoneToken(zone proto.Account) string {
	y.t.Helper()
	return y.token(func(t *proto.APIToken) { t.Policies[0].Zones = []proto.Account{zone} }, "959972745952452f8be2452be8cbb9f2")
}

// A token for a zone gets at nothing that is not the zone's.
func TestAZoneKeepsToItsHosts(t *testing.T) {
	y := start(t, func(c *Config) { c.TeamDomain = "http://team.lab:8401" })
	zone, inner := proto.NewAccount(), proto.NewAccount()
	token, innerToken := y.zoneToken(zone), y.zoneToken(inner)
	apps := "/zones/" + zone.String() + "/access/apps"
	app := func(domain string, change ...func(map[string]any)) map[string]any {
		body := map[string]any{"name": "app", "domain": domain, "x_origin_url": "http://127.0.0.1:1",
			"policies": []any{map[string]any{"name": "all", "decision": "bypass", "include": []any{map[string]any{"everyone": map[string]any{}}}}}}
		for _, c := range change {
			c(body)
		}
		return body
	}
	refused := func(r response, says string) {
		t.Helper()
		if r.Status != 400 || len(r.Errors) == 0 || r.Errors[0].Code != 12130 || !strings.Contains(r.Errors[0].Message, "domain does not belong to zone") ||
			!strings.Contains(r.Errors[0].Message, says) {
			t.Errorf("%d %s, wanted %q", r.Status, r.Body, says)
		}
	}
	made := func(r response) string {
		t.Helper()
		var one struct{ ID string }
		if r.Status/100 != 2 || json.Unmarshal(r.Result, &one) != nil {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
		return one.ID
	}
	refused(y.at(token, "POST", apps, app("closed.lab/secret")), "PUT /client/v4/zones/"+zone.String())

	for id, hosts := range map[proto.Account][]string{zone: {"lab", "own.example"}, inner: {"inner.lab"}} {
		if r := y.at(bootstrap, "PUT", "/zones/"+id.String(), map[string]any{"name": hosts[0], "x_host_suffixes": hosts}); r.Status != 200 {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
	}
	closed := text(y.want(201, "POST", "/access/apps", app("closed.lab")), "id")
	y.want(201, "POST", "/access/apps", app("*.wild.lab"))
	y.want(201, "POST", "/access/apps", app("ports.lab:8443"))
	for domain, says := range map[string]string{
		"closed.example": "not within", "evillab": "not within", "*.*": "not within", "lab.evil": "not within",
		"closed.lab:80": "takes requests", "closed.lab/secret": "takes requests", "CLOSED.lab/x*": "takes requests",
		"a.wild.lab": "takes requests", "a*.wild.lab": "takes requests", "ports.lab:8443/x": "takes requests",
		"team.lab": "team domain", "team.lab/cdn-cgi": "team domain",
		"inner.lab": "another zone", "x.inner.lab": "another zone", "i*.lab": "another zone", "*.*.lab": "another zone",
	} {
		refused(y.at(token, "POST", apps, app(domain)), says)
	}
	// All destinations count, in each of their forms.
	refused(y.at(token, "POST", apps, app("a.lab", func(b map[string]any) { b["self_hosted_domains"] = []string{"a.lab", "closed.lab/x"} })), "takes requests")
	refused(y.at(token, "POST", apps, app("a.lab", func(b map[string]any) {
		b["destinations"] = []any{map[string]any{"type": "public", "uri": "a.lab"}, map[string]any{"uri": "b.example"}}
	})), "not within")
	one := made(y.at(token, "POST", apps, app("mine.lab", func(b map[string]any) { b["name"] = "mine" })))
	made(y.at(token, "POST", apps, app("mine.lab/deeper")))
	made(y.at(token, "POST", apps, app("ports.lab:8444")))
	made(y.at(token, "POST", apps, app("x.own.example")))
	made(y.at(innerToken, "POST", "/zones/"+inner.String()+"/access/apps", app("x.inner.lab")))
	refused(y.at(token, "PUT", apps+"/"+one, app("closed.lab/secret")), "takes requests")
	refused(y.at(token, "PUT", apps+"/"+one, app("closed.example")), "not within")
	made(y.at(token, "PUT", apps+"/"+one, app("mine.lab/more")))
	// Whoever changes an application of the zone keeps it there; the account's own are out of the zone's reach.
	if says := y.refused(400, v4.CodeInvalid, "PUT", "/access/apps/"+one, app("closed.example")); !strings.Contains(says, "not within") {
		t.Error(says)
	}
	y.want(200, "PUT", "/access/apps/"+one, app("closed.lab/secret")) // the account may
	if r := y.at(token, "PUT", apps+"/"+closed, app("closed.lab")); r.Status != 404 {
		t.Errorf("another's application: %d", r.Status)
	}

	// A zone with applications keeps the hosts that they need.
	path := "/zones/" + zone.String()
	for _, c := range []struct {
		method string
		body   any
		status int
	}{{"DELETE", nil, 409}, {"PATCH", map[string]any{"x_host_suffixes": []string{"lab"}}, 409}, {"PATCH", map[string]any{"x_host_suffixes": []string{"lab", "own.example", "more.example"}}, 200},
		{"PATCH", map[string]any{"x_host_suffixes": []string{"lab", "own.example", "inner.lab"}}, 409}, {"PATCH", map[string]any{"x_host_suffixes": []string{"*.lab"}}, 400}} {
		if r := y.at(bootstrap, c.method, path, c.body); r.Status != c.status {
			t.Errorf("%s %v: %d %s", c.method, c.body, r.Status, r.Body)
		}
	}
	// The zone's token says nothing about the zone.
	for _, method := range []string{"PUT", "PATCH", "DELETE"} {
		if r := y.at(token, method, path, map[string]any{"name": "example"}); r.Status != 403 {
			t.Errorf("%s with the zone's token: %d", method, r.Status)
		}
	}
	if r := y.at(token, "POST", "/zones", map[string]any{"name": "example"}); r.Status != 403 {
		t.Errorf("POST with the zone's token: %d", r.Status)
	}
	var seen []struct {
		ID    proto.Account
		Name  string
		Hosts []string `json:"x_host_suffixes"`
	}
	if r := y.at(token, "GET", "/zones", nil); json.Unmarshal(r.Result, &seen) != nil || len(seen) != 1 || seen[0].ID != zone || seen[0].Name != "lab" || len(seen[0].Hosts) != 3 {
		t.Errorf("%s", r.Body)
	}
	if r := y.at(token, "GET", "/zones/"+inner.String(), nil); r.Status != 404 {
		t.Errorf("another zone: %d", r.Status)
	}
}

// Applications that were made in a zone before it had hosts are not changed in its name.
func TestAnApplicationOutsideOfItsZone(t *testing.T) {
	y := start(t)
	zone := proto.NewAccount()
	token := y.zoneToken(zone)
	old := proto.Application{ID: proto.NewID(), AUD: access.NewAUD(), Name: "old", Type: access.TypeSelfHosted, Domains: []string{"old.lab"}, Zone: zone,
		Sent: json.RawMessage(`{"name":"old","type":"self_hosted","domain":"old.lab","self_hosted_domains":["old.lab"],"destinations":[{"type":"public","uri":"old.lab"}]}`)}
	if _, err := y.conn.Put(t.Context(), topology.Config, topology.ConfigKey(y.account, topology.KindApplication, old.ID), &old, 0); err != nil {
		t.Fatal(err)
	}
	path := "/zones/" + zone.String() + "/access/apps/" + old.ID.String()
	body := map[string]any{"name": "old", "domain": "old.lab"}
	bypass := map[string]any{"name": "all", "decision": "bypass", "include": []any{map[string]any{"everyone": map[string]any{}}}}
	for _, c := range []struct {
		method, path string
		body         any
	}{{"PUT", "", body}, {"POST", "/policies", bypass}, {"PATCH", "/settings", map[string]any{"allow_iframe": true}}} {
		if r := y.at(token, c.method, path+c.path, c.body); r.Status != 400 || !strings.Contains(string(r.Body), "domain does not belong to zone") {
			t.Errorf("%s %s: %d %s", c.method, c.path, r.Status, r.Body)
		}
	}
	y.want(200, "PUT", "/access/apps/"+old.ID.String(), body)
	y.want(201, "POST", "/access/apps/"+old.ID.String()+"/policies", bypass)
	if r := y.at(token, "GET", path, nil); r.Status != 200 {
		t.Errorf("GET: %d", r.Status)
	}
	if r := y.at(token, "DELETE", path, nil); r.Status != 202 {
		t.Errorf("DELETE: %d %s", r.Status, r.Body)
	}
}

func TestZonesOfTheConfiguration(t *testing.T) {
	zone := proto.NewAccount()
	y := start(t, func(c *Config) { c.Zones = []access.Zone{{ID: zone, Hosts: []string{"Lab"}}} })
	path := "/zones/" + zone.String()
	for method, body := range map[string]any{"PUT": map[string]any{"name": "example"}, "DELETE": nil} {
		if r := y.at(bootstrap, method, path, body); r.Status != 400 || !strings.Contains(string(r.Body), "--zone") {
			t.Errorf("%s: %d %s", method, r.Status, r.Body)
		}
	}
	token := y.zoneToken(zone)
	if r := y.at(token, "POST", path+"/access/apps", map[string]any{"name": "a", "domain": "a.lab"}); r.Status != http.StatusCreated {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	var z access.Zone
	if err := z.UnmarshalText([]byte(zone.String() + "=lab,example.com")); err != nil || z.ID != zone || len(z.Hosts) != 2 {
		t.Error(z, err)
	}
	for _, text := range []string{"", "lab", "x=lab", zone.String(), zone.String() + "="} {
		if z.UnmarshalText([]byte(text)) == nil {
			t.Errorf("%q is a zone", text)
		}
	}
	if _, err := (Config{SealTo: y.cfg.SealTo, Zones: []access.Zone{{ID: zone, Hosts: []string{"*.lab"}}}}).withDefaults(); err == nil {
		t.Error("a wildcard is a host suffix")
	}
}

// The account is found by clients that know its token only.
func TestAccounts(t *testing.T) {
	y := start(t)
	var all []access.AccountView
	r := y.at(bootstrap, "GET", "/accounts", nil)
	if json.Unmarshal(r.Result, &all) != nil || len(all) != 1 || all[0].ID != y.account || all[0].Name == "" || all[0].Type != "standard" || r.ResultInfo["total_count"] != 1.0 {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	name := all[0].Name
	for query, n := range map[string]int{"?name=" + name: 1, "?name=none": 0, "?page=2": 0} {
		if r := y.at(bootstrap, "GET", "/accounts"+query, nil); r.Status != 200 || json.Unmarshal(r.Result, &all) != nil || len(all) != n {
			t.Errorf("%s: %s", query, r.Body)
		}
	}
	narrow := y.token(nil, groupID("Posture Results Read"))
	for _, token := range []string{bootstrap, narrow} {
		var one access.AccountView
		if r := y.at(token, "GET", "/accounts/"+y.account.String(), nil); r.Status != 200 || json.Unmarshal(r.Result, &one) != nil || one.ID != y.account {
			t.Errorf("%d %s", r.Status, r.Body)
		}
	}
	for path, status := range map[string]int{"/accounts/" + proto.NewAccount().String(): 403, "/accounts/x": 404} {
		if r := y.at(bootstrap, "GET", path, nil); r.Status != status {
			t.Errorf("%s: %d %s", path, r.Status, r.Body)
		}
	}
	if r := y.at("nobody", "GET", "/accounts", nil); r.Status != 403 {
		t.Errorf("a stranger: %d", r.Status)
	}
}

// A zone whose record cannot be read keeps its hosts. If nobody knows them, no zone gets any, and no application is
// placed in one, until the record is written again or deleted.
func TestAZoneThatCannotBeRead(t *testing.T) {
	y := start(t)
	outer, inner := proto.NewAccount(), proto.NewAccount()
	y.giveHost(t, outer, "lab")
	y.giveHost(t, inner, "inner.lab")
	token := y.zoneToken(outer)
	spoil := func() {
		t.Helper()
		key := topology.ConfigKey(y.account, topology.KindZone, topology.ZoneID(inner))
		ack, err := y.conn.JetStream().Publish(t.Context(), topology.BucketSubject(topology.Config, key), []byte("garbage"))
		if err == nil {
			err = y.api.store.Catalog.AwaitRevision(t.Context(), ack.Sequence)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	app := func(domain string) response {
		return y.at(token, "POST", "/zones/"+outer.String()+"/access/apps", map[string]any{"name": "app", "domain": domain, "x_origin_url": "http://127.0.0.1:1"})
	}
	want := func(r response, status int, says string) {
		t.Helper()
		if r.Status != status || !strings.Contains(string(r.Body), says) {
			t.Errorf("%d %s, want %d with %q", r.Status, r.Body, status, says)
		}
	}
	spoil()
	want(y.at(bootstrap, "GET", "/zones/"+inner.String(), nil), 200, `"x_unreadable":true`)
	want(app("a.inner.lab"), 400, "belongs to another zone")
	want(app("a.lab"), 201, "a.lab")
	want(y.at(bootstrap, "POST", "/zones", map[string]any{"name": "inner.lab"}), 409, "belongs to the zone")

	y.stop()
	y.api = y.replica()
	y.handler = y.api.handler
	want(app("b.inner.lab"), 409, "the record of the zone "+inner.String()+" cannot be read")
	want(app("b.lab"), 409, "cannot be read")
	want(y.at(bootstrap, "POST", "/zones", map[string]any{"name": "inner.lab"}), 409, "cannot be read")
	want(y.at(bootstrap, "GET", "/zones", nil), 200, `"x_unreadable":true`)
	y.giveHost(t, inner, "inner.lab")
	want(app("b.inner.lab"), 400, "belongs to another zone")
	want(app("b.lab"), 201, "b.lab")
	spoil()
	want(y.at(bootstrap, "DELETE", "/zones/"+inner.String(), nil), 200, inner.String())
	want(app("c.inner.lab"), 201, "c.inner.lab")
}

func (y *system) giveHost(t *testing.T, zone proto.Account, host string) {
	t.Helper()
	if r := y.at(bootstrap, "PUT", "/zones/"+zone.String(), map[string]any{"name": host}); r.Status != 200 {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
}
