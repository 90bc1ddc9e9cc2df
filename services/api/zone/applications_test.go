package zone_test

import (
	"encoding/json"
	"strings"
	"testing"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
)

// TestZoneTokensKeepToTheHosts checks that a token of a zone cannot take requests from hosts outside of it.
func TestZoneTokensKeepToTheHosts(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t, func(c *api.Config) { c.TeamDomain = "http://team.lab:8401" })
	zone, inner := proto.NewAccount(), proto.NewAccount()
	token, innerToken := f.ZoneToken(zone), f.ZoneToken(inner)
	apps := "/zones/" + zone.String() + "/access/apps"
	app := func(domain string, change ...func(map[string]any)) map[string]any {
		body := map[string]any{"name": "app", "domain": domain, "x_origin_url": "http://127.0.0.1:1",
			"policies": []any{map[string]any{"name": "all", "decision": "bypass", "include": []any{apitest.Everyone()}}}}
		for _, c := range change {
			c(body)
		}
		return body
	}
	refused := func(r apitest.Response, says string) {
		t.Helper()
		if r.Status != 400 || len(r.Errors) == 0 || r.Errors[0].Code != 12130 ||
			!strings.Contains(r.Errors[0].Message, "domain does not belong to zone") ||
			!strings.Contains(r.Errors[0].Message, says) {
			t.Errorf("%d %s, want %q", r.Status, r.Body, says)
		}
	}
	made := func(r apitest.Response) string {
		t.Helper()
		var one struct{ ID string }
		if r.Status/100 != 2 || json.Unmarshal(r.Result, &one) != nil {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
		return one.ID
	}
	refused(at(f, token, "POST", apps, app("closed.lab/secret")), "PUT /client/v4/zones/"+zone.String())

	for id, hosts := range map[proto.Account][]string{zone: {"lab", "own.example"}, inner: {"inner.lab"}} {
		if r := at(f, apitest.Bootstrap, "PUT", "/zones/"+id.String(),
			map[string]any{"name": hosts[0], "x_host_suffixes": hosts}); r.Status != 200 {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
	}
	closed := apitest.Text(f.Want(201, "POST", "/access/apps", app("closed.lab")), "id")
	f.Want(201, "POST", "/access/apps", app("*.wild.lab"))
	f.Want(201, "POST", "/access/apps", app("ports.lab:8443"))
	for domain, says := range map[string]string{
		"closed.example": "not within", "evillab": "not within", "*.*": "not within", "lab.evil": "not within",
		"closed.lab:80": "takes requests", "closed.lab/secret": "takes requests", "CLOSED.lab/x*": "takes requests",
		"a.wild.lab": "takes requests", "a*.wild.lab": "takes requests", "ports.lab:8443/x": "takes requests",
		"team.lab": "team domain", "team.lab/cdn-cgi": "team domain",
		"inner.lab": "another zone", "x.inner.lab": "another zone", "i*.lab": "another zone", "*.*.lab": "another zone",
	} {
		refused(at(f, token, "POST", apps, app(domain)), says)
	}
	// All destinations are checked, in each of the three views.
	refused(at(f, token, "POST", apps,
		app("a.lab", func(b map[string]any) { b["self_hosted_domains"] = []string{"a.lab", "closed.lab/x"} })),
		"takes requests")
	refused(at(f, token, "POST", apps, app("a.lab", func(b map[string]any) {
		b["destinations"] = []any{map[string]any{"type": "public", "uri": "a.lab"}, map[string]any{"uri": "b.example"}}
	})), "not within")
	one := made(at(f, token, "POST", apps, app("mine.lab", func(b map[string]any) { b["name"] = "mine" })))
	made(at(f, token, "POST", apps, app("mine.lab/deeper")))
	made(at(f, token, "POST", apps, app("ports.lab:8444")))
	made(at(f, token, "POST", apps, app("x.own.example")))
	made(at(f, innerToken, "POST", "/zones/"+inner.String()+"/access/apps", app("x.inner.lab")))
	refused(at(f, token, "PUT", apps+"/"+one, app("closed.lab/secret")), "takes requests")
	refused(at(f, token, "PUT", apps+"/"+one, app("closed.example")), "not within")
	made(at(f, token, "PUT", apps+"/"+one, app("mine.lab/more")))
	// Changing an application of the zone keeps it in the zone; applications of the account are inaccessible.
	if says := f.WantError(400, v4.CodeInvalid, "PUT", "/access/apps/"+one,
		app("closed.example")); !strings.Contains(says, "not within") {
		t.Error(says)
	}
	f.Want(200, "PUT", "/access/apps/"+one, app("closed.lab/secret")) // allowed for the account
	if r := at(f, token, "PUT", apps+"/"+closed, app("closed.lab")); r.Status != 404 {
		t.Errorf("another's application: %d", r.Status)
	}

	// A zone with applications keeps their hosts.
	path := "/zones/" + zone.String()
	for _, c := range []struct {
		method string
		body   any
		status int
	}{{"DELETE", nil, 409}, {"PATCH", map[string]any{"x_host_suffixes": []string{"lab"}}, 409},
		{"PATCH", map[string]any{"x_host_suffixes": []string{"lab", "own.example", "more.example"}}, 200},
		{"PATCH", map[string]any{"x_host_suffixes": []string{"lab", "own.example", "inner.lab"}}, 409},
		{"PATCH", map[string]any{"x_host_suffixes": []string{"*.lab"}}, 400}} {
		if r := at(f, apitest.Bootstrap, c.method, path, c.body); r.Status != c.status {
			t.Errorf("%s %v: %d %s", c.method, c.body, r.Status, r.Body)
		}
	}
	// The zone's token cannot change the zone.
	for _, method := range []string{"PUT", "PATCH", "DELETE"} {
		if r := at(f, token, method, path, map[string]any{"name": "example"}); r.Status != 403 {
			t.Errorf("%s with the zone's token: %d", method, r.Status)
		}
	}
	if r := at(f, token, "POST", "/zones", map[string]any{"name": "example"}); r.Status != 403 {
		t.Errorf("POST with the zone's token: %d", r.Status)
	}
	var seen []struct {
		ID    proto.Account
		Name  string
		Hosts []string `json:"x_host_suffixes"`
	}
	if r := at(f, token, "GET", "/zones", nil); json.Unmarshal(r.Result, &seen) != nil || len(seen) != 1 ||
		seen[0].ID != zone || seen[0].Name != "lab" || len(seen[0].Hosts) != 3 {
		t.Errorf("%s", r.Body)
	}
	if r := at(f, token, "GET", "/zones/"+inner.String(), nil); r.Status != 404 {
		t.Errorf("another zone: %d", r.Status)
	}
}

// TestAnApplicationOutsideOfItsZone checks that a token of a zone cannot change an application whose host was outside
// of the zone when the zone got its hosts.
func TestAnApplicationOutsideOfItsZone(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	zone := proto.NewAccount()
	token := f.ZoneToken(zone)
	old := proto.Application{ID: proto.NewID(), AUD: strings.Repeat("a", 64), Name: "old", Type: "self_hosted",
		Domains: []string{"old.lab"}, Zone: zone,
		Sent: json.RawMessage(`{"name":"old","type":"self_hosted","domain":"old.lab","self_hosted_domains":["old.lab"],` +
			`"destinations":[{"type":"public","uri":"old.lab"}]}`)}
	if _, err := f.Conn.Put(t.Context(), topology.Config, topology.ConfigKey(f.Account, topology.KindApplication, old.ID),
		&old, 0); err != nil {
		t.Fatal(err)
	}
	path := "/zones/" + zone.String() + "/access/apps/" + old.ID.String()
	body := map[string]any{"name": "old", "domain": "old.lab"}
	bypass := map[string]any{"name": "all", "decision": "bypass", "include": []any{apitest.Everyone()}}
	for _, c := range []struct {
		method, path string
		body         any
	}{{"PUT", "", body}, {"POST", "/policies", bypass}, {"PATCH", "/settings", map[string]any{"allow_iframe": true}}} {
		if r := at(f, token, c.method, path+c.path, c.body); r.Status != 400 ||
			!strings.Contains(string(r.Body), "domain does not belong to zone") {
			t.Errorf("%s %s: %d %s", c.method, c.path, r.Status, r.Body)
		}
	}
	f.Want(200, "PUT", "/access/apps/"+old.ID.String(), body)
	f.Want(201, "POST", "/access/apps/"+old.ID.String()+"/policies", bypass)
	if r := at(f, token, "GET", path, nil); r.Status != 200 {
		t.Errorf("GET: %d", r.Status)
	}
	if r := at(f, token, "DELETE", path, nil); r.Status != 202 {
		t.Errorf("DELETE: %d %s", r.Status, r.Body)
	}
}
