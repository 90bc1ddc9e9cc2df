package token_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"plumbline.dev/services/console/consoletest"
	"plumbline.dev/services/console/token"
)

type object = map[string]any

func stored(change ...func(object)) object {
	t := object{"id": "t1", "name": consoletest.Hostile, "client_id": "abc.access", "duration": "8760h",
		"expires_at": "2027-11-30T12:00:00Z", "last_seen_at": "2026-11-30T11:00:00Z", "enabled": true}
	for _, f := range change {
		f(t)
	}
	return t
}

func rules(id string) []any {
	return []any{object{"service_token": object{"token_id": id}}}
}

func start(t *testing.T, more map[string]http.HandlerFunc) *consoletest.Console {
	routes := map[string]http.HandlerFunc{
		"GET /access/service_tokens":    consoletest.Answer([]any{stored()}),
		"GET /access/service_tokens/t1": consoletest.Answer(stored()),
		"GET /devices/posture/integration": consoletest.Answer([]any{object{"id": "i1", "name": "Scores",
			"config": object{"access_client_id": "abc.access"}}}),
		"GET /access/apps": consoletest.Answer([]any{object{"id": "a1", "name": "Wiki", "policies": []any{
			object{"name": "Machines", "include": rules("t1")}, object{"name": "Other", "include": rules("t2")}}}}),
		"GET /access/policies": consoletest.Answer([]any{object{"id": "p1", "name": "Everyone",
			"include": []any{object{"any_valid_service_token": object{}}}}}),
		"GET /access/groups": consoletest.Answer([]any{}),
		"GET /tokens": consoletest.Answer([]any{object{"id": "k1", "name": consoletest.Hostile, "status": "active",
			"policies": []any{
				object{"effect": "allow", "permission_groups": []any{object{"id": "g1", "name": "Devices Read"}}},
			}}}),
		"GET /tokens/permission_groups": consoletest.Answer([]any{
			object{"id": "g1", "name": "Devices Read", "scopes": []any{"com.cloudflare.api.account"}},
			object{"id": "g2", "name": "Zone thing", "scopes": []any{"com.cloudflare.api.account.zone"}}}),
		"GET /access/keys": consoletest.Answer(object{"days_until_next_rotation": 12.4, "key_rotation_interval_days": 90,
			"last_key_rotation_at": "2026-11-01T00:00:00Z"}),
	}
	for pattern, h := range more {
		routes[pattern] = h
	}
	return consoletest.New(t, routes, token.Register)
}

func sent(t *testing.T, text string) (body object) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &body); err != nil {
		t.Fatal(err)
	}
	return body
}

func TestServiceTokens(t *testing.T) {
	c := start(t, nil)
	c.Get("/tokens").Has(200, "Active", "abc.access", "API tokens", "Signing keys").Safe()
	c.Get("/tokens/t1").Has(200, "Client ID", "Integration Scores", "Application Wiki, policy Machines",
		"Reusable policy Everyone", "Copy as", "plumb token create --name '\">").Safe()
	if text := c.Get("/tokens/t1").Text(); strings.Contains(text, "policy Other") {
		t.Error("a policy with another token is listed")
	}
	c.Get("/tokens/new").Has(200, "Generate token", "Service token duration").Safe()
	c.Get("/tokens/none").Has(404)
	for want, change := range map[string]func(object){
		"Expired":      func(o object) { o["expires_at"] = "2026-11-30T12:00:00Z" },
		"Expires soon": func(o object) { o["expires_at"] = "2026-12-10T12:00:00Z" },
		"Disabled":     func(o object) { o["enabled"] = false },
	} {
		start(t, map[string]http.HandlerFunc{"GET /access/service_tokens": consoletest.Answer([]any{stored(change)})}).
			Get("/tokens").Has(200, want)
	}
	start(t, map[string]http.HandlerFunc{"GET /access/service_tokens": consoletest.Answer([]any{})}).
		Get("/tokens").Has(200, "No service tokens yet").Safe()
	start(t, map[string]http.HandlerFunc{"GET /access/apps": consoletest.Refuse(403, "no")}).
		Get("/tokens/t1").Has(200, "may be incomplete")
	consoletest.Down(t, token.Register).Get("/tokens").Has(502)
}

// TestSecretsAreShownOnce checks that a secret is in the response that makes it, and not in an address.
func TestSecretsAreShownOnce(t *testing.T) {
	secret := stored(func(o object) { o["client_secret"] = "s3cr3t" })
	c := start(t, map[string]http.HandlerFunc{
		"POST /access/service_tokens":           consoletest.Answer(secret),
		"POST /access/service_tokens/t1/rotate": consoletest.Answer(secret),
		"POST /tokens":                          consoletest.Answer(object{"id": "k2", "name": "n", "value": "v4lue"}),
		"GET /tokens/k1":                        consoletest.Answer(object{"id": "k1", "name": "n"}),
		"PUT /tokens/k1/value":                  consoletest.Answer("v4lue"),
	})
	c.Post("/tokens", url.Values{"name": {"scores"}, "duration": {"8760h"}}).Has(200, "s3cr3t", "shown this once").Safe()
	if body := sent(t, c.Asked("POST")[0].Body); body["name"] != "scores" || body["duration"] != "8760h" {
		t.Errorf("%v", body)
	}
	c.Post("/tokens/t1/rotate", url.Values{"keep": {"on"}}).Has(200, "s3cr3t").Safe()
	if body := sent(t, c.Asked("POST")[1].Body); body["previous_client_secret_expires_at"] != "2026-12-01T12:00:00Z" {
		t.Errorf("%v", body)
	}
	c.Post("/tokens/t1/rotate", nil).Has(200, "s3cr3t")
	if body := sent(t, c.Asked("POST")[2].Body); len(body) != 0 {
		t.Errorf("%v", body)
	}
	c.Post("/tokens/api", url.Values{"name": {"n"}, "permission": {"g1"}, "ends": {"720h"}}).Has(200, "v4lue").Safe()
	if body := sent(t, c.Asked("POST")[3].Body); body["expires_on"] != "2026-12-30T12:00:00Z" {
		t.Errorf("%v", body)
	}
	c.Post("/tokens/api/k1/roll", nil).Has(200, "v4lue")
	if text := c.Get("/tokens/t1").Text() + c.Get("/tokens/api").Text(); strings.Contains(text, "s3cr3t") ||
		strings.Contains(text, "v4lue") {
		t.Error("a secret is shown again")
	}
}

func TestActions(t *testing.T) {
	c := start(t, map[string]http.HandlerFunc{
		"POST /access/service_tokens/t1/refresh": consoletest.Answer(stored()),
		"PUT /access/service_tokens/t1":          consoletest.Answer(stored()),
		"DELETE /access/service_tokens/t1":       consoletest.Refuse(400, "the token is in use by Wiki"+consoletest.Hostile),
		"DELETE /tokens/k1":                      consoletest.Answer(object{"id": "k1"}),
		"POST /access/keys/rotate":               consoletest.Answer(object{}),
		"PUT /access/keys":                       consoletest.Refuse(400, "the interval must be 21 to 365 days"),
		"POST /tokens": consoletest.Refuse(
			403,
			"an API token cannot grant permissions it does not have",
		),
	})
	for _, path := range []string{"/tokens/t1/refresh", "/tokens/t1/disable", "/tokens/t1/enable",
		"/tokens/api/k1/delete", "/tokens/keys/rotate"} {
		if p := c.Post(path, nil); p.Status != http.StatusSeeOther {
			t.Errorf("%s: %d %s", path, p.Status, p.Text())
		}
	}
	if puts := c.Asked("PUT"); sent(t, puts[0].Body)["enabled"] != false || sent(t, puts[1].Body)["enabled"] != true {
		t.Errorf("%v", puts)
	}
	c.Get("/tokens/t1/delete").Has(200, "Programs with this token lose access", "Integration Scores").Safe()
	c.Post("/tokens/t1/delete", nil).Has(409, "Not deleted.", "in use by Wiki").Safe()
	c.Get("/tokens/api").Has(200, "Devices Read", "Roll…").Safe()
	if text := c.Get("/tokens/api").Text(); strings.Contains(text, "Zone thing") {
		t.Error("a permission for zones is offered for the account")
	}
	c.Get("/tokens/keys").Has(200, "in 12 days", "90 days").Safe()
	c.Post("/tokens/keys", url.Values{"days": {"2"}}).Has(422, "21 to 365")
	c.Post("/tokens/keys", url.Values{"days": {"x"}}).Has(422, "whole number")
	c.Post("/tokens", url.Values{"name": {" "}}).Has(422, "Enter a name.")
	c.Post("/tokens/api", url.Values{"name": {"x"}}).Has(422, "at least one permission").Safe()
	c.Post("/tokens/api", url.Values{"name": {"x"}, "permission": {"g1"}}).Has(403)
}
