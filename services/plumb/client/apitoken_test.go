package client_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"plumbline.dev/services/plumb/client"
)

func TestAPITokensAreRolledAndVerified(t *testing.T) {
	c := serve(t, map[string]http.HandlerFunc{
		"PUT /tokens/{id}/value": func(w http.ResponseWriter, r *http.Request) { answer(w, "new value of "+r.PathValue("id")) },
		"GET /tokens/verify":     func(w http.ResponseWriter, r *http.Request) { answer(w, map[string]any{"id": "a", "status": "active"}) },
		"GET /tokens/permission_groups": func(w http.ResponseWriter, r *http.Request) {
			answer(w, []client.PermissionGroup{{ID: "g", Name: "Some Read"}})
		},
		"GET /tokens/{id}": func(w http.ResponseWriter, r *http.Request) {
			answer(w, map[string]any{"id": r.PathValue("id"), "name": "ci", "expires_on": "2026-01-02T15:04:05Z",
				"policies": []any{
					map[string]any{"effect": "allow", "permission_groups": []any{map[string]any{"id": "g"}},
						"resources": client.WholeAccount("x")}}})
		},
	})
	if value, err := c.RollAPIToken(t.Context(), "a"); err != nil || value != "new value of a" {
		t.Errorf("%q, %v", value, err)
	}
	if me, err := c.VerifyToken(t.Context()); err != nil || me.ID != "a" || me.Status != "active" {
		t.Errorf("%+v, %v", me, err)
	}
	if groups, err := c.PermissionGroups(t.Context()); err != nil || len(groups) != 1 {
		t.Errorf("%+v, %v", groups, err)
	}
	got, err := c.APITokens().Get(t.Context(), "a")
	if v := got.Value; err != nil || v.ExpiresOn.Year() != 2026 || v.Policies[0].Groups[0].ID != "g" ||
		string(v.Policies[0].Resources) != `{"com.cloudflare.api.account.x":"*"}` {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestTheAuditLogIsReadToItsEnd(t *testing.T) {
	var asked []string
	c := serve(t, map[string]http.HandlerFunc{"GET /audit_logs": func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.RawQuery)
		switch r.URL.Query().Get("page") {
		case "1":
			answer(w, []any{map[string]any{"id": "2"}, map[string]any{"id": "1", "oldValueJson": map[string]any{"a": 1}}})
		case "2":
			answer(w, []any{})
		default:
			refuse(w, 400, 12130, "no such page")
		}
	}})
	got := ""
	for change, err := range c.AuditLog(t.Context(),
		client.AuditQuery{Action: "delete", Since: time.Unix(0, 0).UTC(), Oldest: true}) {
		if err != nil {
			t.Fatal(err)
		}
		got += change.Value.ID + string(change.Value.Old)
	}
	if got != `21{"a":1}` || len(asked) != 2 || !strings.Contains(asked[0], "action.type=delete&direction=asc&page=1") ||
		!strings.Contains(asked[0], "since=1970-01-01T00%3A00%3A00Z") {
		t.Errorf("%s, asked %q", got, asked)
	}
}
