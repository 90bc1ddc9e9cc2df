package application_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"plumbline.dev/services/console/application"
	"plumbline.dev/services/console/consoletest"
)

type object = map[string]any

func stored(change ...func(object)) object {
	a := object{"id": "a1", "name": consoletest.Hostile, "type": "self_hosted", "aud": strings.Repeat("c", 64),
		"destinations": []any{object{"type": "public", "uri": "wiki.example.com"}}, "domain": "wiki.example.com",
		"x_origin_url": "http://10.0.0.5", "session_duration": "24h", "created_at": "2026-11-01T00:00:00Z", "logo_url": "kept",
		"policies": []any{
			policy(),
			object{"id": "p2", "name": "Shared", "decision": "allow", "reusable": true, "precedence": 2,
				"include": []any{object{"email_domain": object{"domain": "example.com"}}}},
		}}
	for _, f := range change {
		f(a)
	}
	return a
}

func policy() object {
	return object{"id": "p1", "name": "Machines" + consoletest.Hostile, "decision": "non_identity", "precedence": 1,
		"mfa_config": object{"kept": true},
		"include":    []any{object{"service_token": object{"token_id": "t1"}}, object{"any_valid_service_token": object{}}},
		"require":    []any{object{"device_posture": object{"integration_uid": "c1"}}},
		"exclude":    []any{object{"oidc": object{"identity_provider_id": "i", "claim_name": "a", "claim_value": "b"}}}}
}

func start(t *testing.T, more map[string]http.HandlerFunc) *consoletest.Console {
	routes := map[string]http.HandlerFunc{
		"GET /access/apps":                consoletest.Answer([]any{stored()}),
		"GET /access/apps/a1":             consoletest.Answer(stored()),
		"GET /access/apps/a1/policies/p1": consoletest.Answer(policy()),
		"GET /access/policies":            consoletest.Answer([]any{policy()}),
		"GET /access/policies/p1":         consoletest.Answer(policy()),
		"GET /access/service_tokens": consoletest.Answer([]any{object{"id": "t1", "name": "posture-api"},
			object{"id": "t2", "name": "twin"}, object{"id": "t3", "name": "twin"}}),
		"GET /devices/posture":           consoletest.Answer([]any{object{"id": "c1", "name": "EDR healthy"}}),
		"GET /access/groups":             consoletest.Answer([]any{}),
		"GET /access/identity_providers": consoletest.Answer([]any{}),
	}
	for pattern, h := range more {
		routes[pattern] = h
	}
	return consoletest.New(t, routes, application.Register)
}

func sent(t *testing.T, text string) (body object) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &body); err != nil {
		t.Fatal(err)
	}
	return body
}

func text(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestApplications(t *testing.T) {
	c := start(t, nil)
	c.Get("/applications").Has(200, "wiki.example.com", "Service Auth, Allow", "http://10.0.0.5").Safe()
	c.Get("/applications/a1").Has(200, "Audience tag", "Service token posture-api", "Any service token",
		"Posture check passed EDR healthy", "E-mail addresses ending in example.com", "reusable", "Copy as", "Check a user").
		Safe()
	c.Get("/applications/a1/delete").Has(200, "denies requests to them", "2 policies go with it").Safe()
	c.Get("/applications/none").Has(404)
	c.Get("/policies").Has(200, "Posture check passed EDR healthy", "Add reusable policy").Safe()
	empty := start(t, map[string]http.HandlerFunc{"GET /access/apps": consoletest.Answer([]any{}),
		"GET /access/policies": consoletest.Answer([]any{})})
	empty.Get("/applications").Has(200, "No applications yet").Safe()
	empty.Get("/policies").Has(200, "No reusable policies").Safe()
	start(
		t,
		map[string]http.HandlerFunc{
			"GET /access/apps/a1": consoletest.Answer(stored(func(a object) { a["policies"] = []any{} })),
		},
	).
		Get("/applications/a1").
		Has(200, "the gateway denies every request").
		Safe()
	start(t, map[string]http.HandlerFunc{"GET /access/service_tokens": consoletest.Refuse(403, "no")}).
		Get("/applications/a1").Has(200, "Service token t1")
	consoletest.Down(t, application.Register).Get("/applications").Has(502)
}

func TestSaveAnApplication(t *testing.T) {
	c := start(t, map[string]http.HandlerFunc{"POST /access/apps": consoletest.Answer(stored()),
		"PUT /access/apps/a1": consoletest.Answer(
			stored(),
		), "POST /access/apps/a1/revoke_tokens": consoletest.Answer(object{}),
		"DELETE /access/apps/a1": consoletest.Refuse(409, "something needs it")})
	p := c.Post("/applications", url.Values{"name": {"Wiki"}, "domains": {" wiki.example.com\r\n*.example.com/x "},
		"x_origin_url": {""}, "session_duration": {"1h"}})
	if p.Status != 303 || p.Header.Get("Location") != "/applications/a1/policies/new" {
		t.Errorf("%d %v %s", p.Status, p.Header, p.Text())
	}
	body := sent(t, c.Asked("POST")[0].Body)
	if text(t, body["destinations"]) != `[{"type":"public","uri":"wiki.example.com"},{"type":"public","uri":"*.example.com/x"}]` ||
		body["domain"] != "wiki.example.com" ||
		body["type"] != "self_hosted" ||
		body["x_origin_url"] != nil {
		t.Errorf("%v", body)
	}
	if p := c.Post("/applications/a1", url.Values{"name": {"New"}, "domains": {"b.example.com"},
		"x_origin_url": {"http://10.0.0.6"}, "session_duration": {"24h"}}); p.Status != 303 {
		t.Errorf("%d %s", p.Status, p.Text())
	}
	body = sent(t, c.Asked("PUT")[0].Body)
	if body["name"] != "New" || body["logo_url"] != "kept" || body["policies"] != nil || body["id"] != nil ||
		body["created_at"] != nil ||
		body["session_duration"] != "24h" ||
		body["x_origin_url"] != "http://10.0.0.6" {
		t.Errorf("%v", body)
	}
	c.Post("/applications", url.Values{"name": {""}, "domains": {""}}).
		Has(422, "Enter a name.", "at least one host").
		Safe()
	if p := c.Post("/applications/a1/revoke", nil); p.Status != 303 {
		t.Errorf("%d", p.Status)
	}
	c.Post("/applications/a1/delete", nil).Has(409, "Not deleted.", "something needs it").Safe()
	refused := start(
		t,
		map[string]http.HandlerFunc{"PUT /access/apps/a1": consoletest.Refuse(409, "another application has it")},
	)
	refused.Post("/applications/a1", url.Values{"name": {"New"}, "domains": {"b.example.com"}}).
		Has(422, "Another application has it", "b.example.com").Safe()
}

func TestRules(t *testing.T) {
	c := start(t, map[string]http.HandlerFunc{"POST /access/apps/a1/policies": consoletest.Answer(policy()),
		"PUT /access/apps/a1/policies/p1": consoletest.Answer(
			policy(),
		), "PUT /access/policies/p1": consoletest.Answer(policy()),
		"DELETE /access/policies/p1": consoletest.Refuse(400, "an application has it")})
	c.Get("/applications/a1/policies/new").Has(200, "Service Auth", "Include", "Require", "Exclude").Safe()
	page := c.Get("/applications/a1/policies/p1").Has(200, "Delete…").Safe()
	values := strings.Join(page.Attributes("input", "value"), "|")
	for _, want := range []string{"posture-api", "EDR healthy", `{"oidc":{"claim_name":"a"`} {
		if !strings.Contains(values, want) {
			t.Errorf("no %q in %s", want, values)
		}
	}
	form := func(pairs ...string) url.Values {
		v := url.Values{"name": {"P"}, "decision": {"allow"}}
		for i := 0; i+1 < len(pairs); i += 2 {
			v.Set(pairs[i], pairs[i+1])
		}
		return v
	}
	p := c.Post("/applications/a1/policies", form(
		"include.0.selector",
		"service_token",
		"include.0.value",
		"posture-api",
		"include.3.selector",
		"everyone",
		"include.1.selector",
		"",
		"require.0.selector",
		"device_posture",
		"require.0.value",
		"c1",
		"exclude.0.selector",
		"json",
		"exclude.0.value",
		`{"oidc":{"x":"y"}}`,
		"precedence",
		"3",
	))
	if p.Status != 303 || p.Header.Get("Location") != "/applications/a1" {
		t.Fatalf("%d %s", p.Status, p.Text())
	}
	body := sent(t, c.Asked("POST")[0].Body)
	if text(t, body["include"]) != `[{"service_token":{"token_id":"t1"}},{"everyone":{}}]` || body["precedence"] != 3.0 ||
		text(t, body["require"]) != `[{"device_posture":{"integration_uid":"c1"}}]` ||
		text(t, body["exclude"]) != `[{"oidc":{"x":"y"}}]` {
		t.Errorf("%v", body)
	}
	// A save keeps the members that the form does not have.
	c.Post("/applications/a1/policies/p1", form("include.0.selector", "everyone"))
	if body := sent(t, c.Asked("PUT")[0].Body); text(t, body["mfa_config"]) != `{"kept":true}` ||
		body["precedence"] != 1.0 {
		t.Errorf("%v", body)
	}
	if p := c.Post("/policies/p1", form("include.0.selector", "everyone")); p.Header.Get("Location") != "/policies" {
		t.Errorf("%d %v", p.Status, p.Header)
	}
	for want, bad := range map[string]url.Values{
		"nothing has the name or id": form("include.0.selector", "service_token", "include.0.value", "unknown"),
		"Several have the name":      form("include.0.selector", "service_token", "include.0.value", "twin"),
		"needs a value":              form("include.0.selector", "email"),
		"Choose a selector.":         form("include.0.value", "x"),
		"as JSON":                    form("include.0.selector", "json", "include.0.value", "[]"),
		"needs at least one rule":    form(),
		"whole number from 1":        form("include.0.selector", "everyone", "precedence", "0"),
		"Enter a name.":              form("name", "", "include.0.selector", "everyone"),
	} {
		c.Post("/applications/a1/policies", bad).Has(422, want).Safe()
	}
	c.Post("/policies/p1/delete", nil).Has(409, "an application has it").Safe()
}

func TestTester(t *testing.T) {
	status := "processing"
	c := start(t, map[string]http.HandlerFunc{
		"POST /access/policy-tests": consoletest.Answer(object{"id": "x1", "status": "processing"}),
		"GET /access/policy-tests/x1": func(w http.ResponseWriter, r *http.Request) {
			consoletest.Answer(
				object{"id": "x1", "status": status, "total_users": 2, "users_approved": 1, "users_blocked": 1},
			)(
				w,
				r,
			)
		},
		"GET /access/policy-tests/x1/users": func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("page") != "1" {
				consoletest.Answer([]any{})(w, r)
				return
			}
			consoletest.Answer([]any{object{"email": r.URL.Query().Get("status") + "@example.com" + consoletest.Hostile,
				"x_reason": "posture_failed", "x_policy": object{"name": "Machines"}, "x_rule": "require[0]"}})(w, r)
		},
		"GET /access/apps/a1/user_policy_checks": func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("email") == "nobody@example.com" {
				consoletest.Refuse(404, "unknown")(w, r)
				return
			}
			consoletest.Answer(object{"app_state": object{"status": "denied", "x_reason": "posture_failed"}})(w, r)
		},
	})
	if p := c.Post("/applications/a1/test", nil); p.Header.Get("Location") != "/applications/a1/test/x1" {
		t.Errorf("%d %v", p.Status, p.Header)
	}
	policies := text(t, sent(t, c.Asked("POST")[0].Body)["policies"])
	if !strings.Contains(policies, `"decision":"non_identity"`) || strings.Contains(policies, `"id":"p1"`) {
		t.Errorf("%s", policies)
	}
	c.Get("/applications/a1/test/x1").Has(200, "Running").Safe()
	status = "complete"
	c.Fragment("/applications/a1/test/x1", "test").
		Has(200, "blocked@example.com", "approved@example.com", "posture_failed", "require[0]").
		Safe()
	c.Get("/applications/a1?email=ann@example.com").Has(200, "Denied", "posture_failed").Safe()
	c.Get("/applications/a1?email=nobody@example.com").Has(200, "Nobody with this address").Safe()
}
