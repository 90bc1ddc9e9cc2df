package access_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
)

func TestRevokeTokens(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	app := f.Want(201, "POST", "/access/apps",
		map[string]any{"name": "a", "domain": "a.example.com", "service_auth_401_redirect": true})
	path := "/access/apps/" + apitest.Text(app, "id")
	r := f.Do("POST", path+"/revoke_tokens", nil)
	if r.Status != 202 || string(r.Result) != "{}" {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	at := proto.At(f.Clock.Now())
	f.Clock.Advance(time.Hour)
	f.Want(200, "PUT", path, map[string]any{"name": "a", "domain": "a.example.com"})
	if g := storedApplication(f, app["id"]).Gate; g.RevokedAt != at || g.Refuse401 {
		t.Errorf("after another change: %+v", g)
	}
	f.WantError(404, v4.CodeUnknownApplication, "POST", "/access/apps/"+proto.NewID().String()+"/revoke_tokens", nil)
}

func TestApplicationSettings(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	app := f.Want(201, "POST", "/access/apps",
		map[string]any{"name": "a", "domain": "a.example.com", "skip_interstitial": true})
	path := "/access/apps/" + apitest.Text(app, "id")
	for _, c := range []struct{ method, body, want string }{
		{"PUT", `{"allow_iframe":true}`, `{"allow_iframe":true,"skip_interstitial":true}`},
		{"PATCH", `{"skip_interstitial":false}`, `{"allow_iframe":true,"skip_interstitial":false}`},
		{"PATCH", `{"allow_iframe":null,"other":1}`, `{"allow_iframe":false,"skip_interstitial":false}`},
	} {
		if r := f.Do(c.method, path+"/settings", c.body); r.Status != 200 || string(r.Result) != c.want {
			t.Errorf("%s %s: %d %s", c.method, c.body, r.Status, r.Body)
		}
	}
	if got := f.Want(200, "GET", path, nil); got["skip_interstitial"] != false || got["allow_iframe"] != nil ||
		got["other"] != nil || got["domain"] != "a.example.com" {
		t.Errorf("read %v", got)
	}
	f.WantError(400, v4.CodeInvalid, "PATCH", path+"/settings", `{"allow_iframe":"yes"}`)
	f.WantError(404, v4.CodeUnknownApplication, "PATCH", "/access/apps/"+proto.NewID().String()+"/settings", `{}`)
}

// TestRestoreOfGateSettings checks that an api which starts derives the settings of the gateway for records that were
// stored without them.
func TestRestoreOfGateSettings(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	store := func(sent string) proto.ID {
		t.Helper()
		app := proto.Application{ID: proto.NewID(), Type: "self_hosted", Domains: []string{"a.example.com"},
			Sent: json.RawMessage(sent)}
		if _, err := f.Conn.Put(t.Context(), topology.Config,
			topology.ConfigKey(f.Account, topology.KindApplication, app.ID), &app, 0); err != nil {
			t.Fatal(err)
		}
		return app.ID
	}
	good := store(`{"read_service_tokens_from_header":"Authorization"}`)
	bad := store(`{"read_service_tokens_from_header":"Cookie"}`)
	plain := store(`{"name":"plain"}`)
	asking := proto.Policy{ID: proto.NewID(), Decision: proto.DecisionAllow,
		Sent: json.RawMessage(`{"approval_required":true}`)}
	if _, err := f.Conn.Put(t.Context(), topology.Config, topology.ConfigKey(f.Account, topology.KindPolicy, asking.ID),
		&asking, 0); err != nil {
		t.Fatal(err)
	}
	f.Replica()
	if _, err := f.Conn.Get(t.Context(), topology.Config, topology.ConfigKey(f.Account, topology.KindPolicy, asking.ID),
		&asking); err != nil || len(asking.Unmet) != 1 {
		t.Errorf("restored %+v, %v", asking, err)
	}
	if g := storedApplication(f, good).Gate; g.TokenHeader != "Authorization" {
		t.Errorf("restored %+v", g)
	}
	for _, id := range []proto.ID{bad, plain} {
		if g := storedApplication(f, id).Gate; g.TokenHeader != "" {
			t.Errorf("restored %+v", g)
		}
	}
	if !strings.Contains(f.Log.String(), bad.String()) {
		t.Error("nobody is told of the application that cannot be restored")
	}
}

func TestUnsupportedMembersAreNamed(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	geo := map[string]any{"geo": map[string]any{"country_code": "DE"}}
	all := apitest.Everyone()
	names := func(m map[string]any) string { return apitest.JSON(t, m["x_unsupported"]) }
	p := f.Want(201, "POST", "/access/policies",
		map[string]any{"name": "p", "decision": "allow", "approval_required": true, "isolation_required": false,
			"mfa_config": map[string]any{"allowed_authenticators": []any{"totp"}}, "include": []any{geo, all, geo},
			"exclude": []any{map[string]any{"x_new": map[string]any{}}}})
	if got := names(p); got != `["geo","x_new","approval_required","mfa_config"]` {
		t.Errorf("policy: %s", got)
	}
	var record proto.Policy
	if _, err := f.Conn.Get(t.Context(), topology.Config,
		topology.ConfigKey(f.Account, topology.KindPolicy, apitest.ID(p)), &record); err != nil || len(record.Unmet) != 2 {
		t.Errorf("stored %+v, %v", record, err)
	}
	token := apitest.Text(f.Want(201, "POST", "/access/service_tokens", map[string]any{"name": "t"}), "id")
	// The client sends back the whole response; owned members are not stored.
	if again := f.Want(200, "PUT", "/access/policies/"+apitest.Text(p, "id"),
		apitest.With(apitest.With(apitest.PolicyBody("p", token), "x_unsupported", []any{"geo"}), "approval_required",
			true)); again["x_unsupported"] != nil {
		t.Errorf("policy: %v", again)
	}
	g := f.Want(201, "POST", "/access/groups", map[string]any{"name": "g", "include": []any{geo}})
	if got := names(g); got != `["geo"]` {
		t.Errorf("group: %s", got)
	}
	own := map[string]any{"name": "own", "decision": "deny", "include": []any{geo}}
	app := f.Want(201, "POST", "/access/apps",
		map[string]any{"name": "a", "domain": "a.example.com",
			"policies": []any{own, apitest.With(apitest.PolicyBody("q", "x"), "include", []any{all})}})
	if got := names(app); got != `["geo"]` {
		t.Errorf("application: %s", got)
	}
	if list := f.Do("GET", "/access/apps/"+apitest.Text(app, "id")+"/policies", nil); strings.Count(string(list.Result),
		"x_unsupported") != 1 {
		t.Errorf("policies: %s", list.Result)
	}
	if got := names(f.Want(201, "POST", "/access/apps",
		map[string]any{"name": "w", "type": "bookmark", "domain": "w.example.com"})); got != `["bookmark"]` {
		t.Errorf("bookmark: %s", got)
	}
	if got := names(f.Want(201, "POST", "/access/apps",
		map[string]any{"name": "x", "domain": "x.example.com", "scim_config": map[string]any{"enabled": true},
			"oauth_configuration": map[string]any{"enabled": false}, "mfa_config": map[string]any{"mfa_disabled": true},
			"custom_pages": []any{"x"},
			"destinations": []any{map[string]any{"uri": "x.example.com"},
				map[string]any{"type": "private", "cidr": "10.0.0.0/8"}}})); got != `["scim_config","custom_pages","private"]` {
		t.Errorf("application: %s", got)
	}
}

// TestSessionsThatExpireImmediately checks that a duration of zero is returned as sent, and stored as the constant that
// the gateway reads.
func TestSessionsThatExpireImmediately(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	app := f.Want(201, "POST", "/access/apps",
		map[string]any{"name": "Vault", "domain": "vault.example.com", "session_duration": "0s",
			"policies": []any{map[string]any{"name": "All", "decision": "allow", "session_duration": "0s",
				"include": []any{apitest.Everyone()}}}})
	if app["session_duration"] != "0s" || app["policies"].([]any)[0].(map[string]any)["session_duration"] != "0s" {
		t.Errorf("shown %v", app)
	}
	id, err := proto.ParseID(app["id"].(string))
	if err != nil {
		t.Fatal(err)
	}
	if got := storedApplication(f, id).SessionDuration; got != proto.Immediately {
		t.Errorf("the application's sessions last %v", got)
	}
}
