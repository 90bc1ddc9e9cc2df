package api

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/access"
	"plumbline.dev/services/api/v4"
)

func TestRevokeTokens(t *testing.T) {
	y := start(t)
	app := y.want(201, "POST", "/access/apps", map[string]any{"name": "a", "domain": "a.example.com", "service_auth_401_redirect": true})
	path := "/access/apps/" + text(app, "id")
	r := y.do("POST", path+"/revoke_tokens", nil)
	if r.Status != 202 || string(r.Result) != "{}" {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	at := proto.At(y.clock.Now())
	y.clock.Advance(time.Hour)
	y.want(200, "PUT", path, map[string]any{"name": "a", "domain": "a.example.com"})
	if g := y.storedApplication(app["id"]).Gate; g.RevokedAt != at || g.Refuse401 {
		t.Errorf("after another change: %+v", g)
	}
	y.refused(404, v4.CodeUnknownApplication, "POST", "/access/apps/"+proto.NewID().String()+"/revoke_tokens", nil)
}

func TestSettings(t *testing.T) {
	y := start(t)
	app := y.want(201, "POST", "/access/apps", map[string]any{"name": "a", "domain": "a.example.com", "skip_interstitial": true})
	path := "/access/apps/" + text(app, "id")
	for _, c := range []struct{ method, body, want string }{
		{"PUT", `{"allow_iframe":true}`, `{"allow_iframe":true,"skip_interstitial":true}`},
		{"PATCH", `{"skip_interstitial":false}`, `{"allow_iframe":true,"skip_interstitial":false}`},
		{"PATCH", `{"allow_iframe":null,"other":1}`, `{"allow_iframe":false,"skip_interstitial":false}`},
	} {
		if r := y.do(c.method, path+"/settings", c.body); r.Status != 200 || string(r.Result) != c.want {
			t.Errorf("%s %s: %d %s", c.method, c.body, r.Status, r.Body)
		}
	}
	if got := y.want(200, "GET", path, nil); got["skip_interstitial"] != false || got["allow_iframe"] != nil || got["other"] != nil || got["domain"] != "a.example.com" {
		t.Errorf("read %v", got)
	}
	y.refused(400, v4.CodeInvalid, "PATCH", path+"/settings", `{"allow_iframe":"yes"}`)
	y.refused(404, v4.CodeUnknownApplication, "PATCH", "/access/apps/"+proto.NewID().String()+"/settings", `{}`)
}

// Applications that were stored before there was a gateway say what it does once the api has started.
func TestApplicationsFromBeforeTheGateway(t *testing.T) {
	y := start(t)
	store := func(sent string) proto.ID {
		t.Helper()
		app := proto.Application{ID: proto.NewID(), Type: access.TypeSelfHosted, Domains: []string{"a.example.com"}, Sent: json.RawMessage(sent)}
		if _, err := y.conn.Put(t.Context(), topology.Config, topology.ConfigKey(y.account, topology.KindApplication, app.ID), &app, 0); err != nil {
			t.Fatal(err)
		}
		return app.ID
	}
	good := store(`{"read_service_tokens_from_header":"Authorization"}`)
	bad := store(`{"read_service_tokens_from_header":"Cookie"}`)
	plain := store(`{"name":"plain"}`)
	asking := proto.Policy{ID: proto.NewID(), Decision: proto.DecisionAllow, Sent: json.RawMessage(`{"approval_required":true}`)}
	if _, err := y.conn.Put(t.Context(), topology.Config, topology.ConfigKey(y.account, topology.KindPolicy, asking.ID), &asking, 0); err != nil {
		t.Fatal(err)
	}
	y.replica()
	if _, err := y.conn.Get(t.Context(), topology.Config, topology.ConfigKey(y.account, topology.KindPolicy, asking.ID), &asking); err != nil || len(asking.Unmet) != 1 {
		t.Errorf("restored %+v, %v", asking, err)
	}
	if g := y.storedApplication(good).Gate; g.TokenHeader != "Authorization" {
		t.Errorf("restored %+v", g)
	}
	for _, id := range []proto.ID{bad, plain} {
		if g := y.storedApplication(id).Gate; g.TokenHeader != "" {
			t.Errorf("restored %+v", g)
		}
	}
	if !strings.Contains(y.log.String(), bad.String()) {
		t.Error("nobody is told of the application that cannot be restored")
	}
}

func TestWhatThisBuildCannotDoIsNamed(t *testing.T) {
	y := start(t)
	geo := map[string]any{"geo": map[string]any{"country_code": "DE"}}
	all := map[string]any{"everyone": map[string]any{}}
	names := func(m map[string]any) string { return jsonText(t, m["x_unsupported"]) }
	p := y.want(201, "POST", "/access/policies", map[string]any{"name": "p", "decision": "allow", "approval_required": true, "isolation_required": false,
		"mfa_config": map[string]any{"allowed_authenticators": []any{"totp"}}, "include": []any{geo, all, geo}, "exclude": []any{map[string]any{"x_new": map[string]any{}}}})
	if got := names(p); got != `["geo","x_new","approval_required","mfa_config"]` {
		t.Errorf("policy: %s", got)
	}
	var record proto.Policy
	if _, err := y.conn.Get(t.Context(), topology.Config, topology.ConfigKey(y.account, topology.KindPolicy, must(proto.ParseID(text(p, "id")))), &record); err != nil || len(record.Unmet) != 2 {
		t.Errorf("stored %+v, %v", record, err)
	}
	token := text(y.want(201, "POST", "/access/service_tokens", map[string]any{"name": "t"}), "id")
	// What came back is sent again: it is not kept as if it were the client's.
	if again := y.want(200, "PUT", "/access/policies/"+text(p, "id"), with2(with2(policyBody("p", token), "x_unsupported", []any{"geo"}), "approval_required", true)); again["x_unsupported"] != nil {
		t.Errorf("policy: %v", again)
	}
	g := y.want(201, "POST", "/access/groups", map[string]any{"name": "g", "include": []any{geo}})
	if got := names(g); got != `["geo"]` {
		t.Errorf("group: %s", got)
	}
	own := map[string]any{"name": "own", "decision": "deny", "include": []any{geo}}
	app := y.want(201, "POST", "/access/apps", map[string]any{"name": "a", "domain": "a.example.com", "policies": []any{own, with2(policyBody("q", "x"), "include", []any{all})}})
	if got := names(app); got != `["geo"]` {
		t.Errorf("application: %s", got)
	}
	if list := y.do("GET", "/access/apps/"+text(app, "id")+"/policies", nil); strings.Count(string(list.Result), "x_unsupported") != 1 {
		t.Errorf("policies: %s", list.Result)
	}
	if got := names(y.want(201, "POST", "/access/apps", map[string]any{"name": "w", "type": "bookmark", "domain": "w.example.com"})); got != `["bookmark"]` {
		t.Errorf("bookmark: %s", got)
	}
	if got := names(y.want(201, "POST", "/access/apps", map[string]any{"name": "x", "domain": "x.example.com", "scim_config": map[string]any{"enabled": true},
		"oauth_configuration": map[string]any{"enabled": false}, "mfa_config": map[string]any{"mfa_disabled": true}, "custom_pages": []any{"x"},
		"destinations": []any{map[string]any{"uri": "x.example.com"}, map[string]any{"type": "private", "cidr": "10.0.0.0/8"}}})); got != `["scim_config","custom_pages","private"]` {
		t.Errorf("application: %s", got)
	}
}

func TestApplicationsNameWhatIs(t *testing.T) {
	y := start(t)
	body := func() map[string]any { return map[string]any{"name": "a", "domain": "a.example.com"} }
	if m := y.refused(400, v4.CodeInvalid, "POST", "/access/apps", with2(body(), "tags", []any{"none"})); !strings.Contains(m, "tags contain a tag that does not exist") {
		t.Error(m)
	}
	y.refused(400, v4.CodeInvalid, "POST", "/access/apps", with2(body(), "allowed_idps", []any{proto.NewID()}))
	y.want(201, "POST", "/access/tags", map[string]any{"name": "there"})
	idp := y.want(201, "POST", "/access/identity_providers", oidcBody())
	app := y.want(201, "POST", "/access/apps", with2(with2(body(), "tags", []any{"there"}), "allowed_idps", []any{idp["id"]}))
	if g := y.storedApplication(app["id"]).Gate; len(g.IDPs) != 1 || g.IDPs[0].String() != idp["id"] {
		t.Errorf("stored %+v", g)
	}
}
