package api

import (
	"strings"
	"testing"

	"plumbline.dev/services/internal/ownedmember"
)

// A client that sends back what it was answered does not make the control plane store its own members.
func TestOwnedMembersAreNotStored(t *testing.T) {
	y := start(t)
	bodies := map[string]map[string]any{
		"/access/groups":             groupBody("a"),
		"/access/policies":           {"name": "a", "decision": "allow", "include": []any{map[string]any{"everyone": map[string]any{}}}},
		"/access/apps":               {"name": "a", "type": "saas"},
		"/access/identity_providers": {"name": "a", "type": "github", "config": map[string]any{"client_id": "b"}},
	}
	for path, body := range bodies {
		for _, name := range ownedmember.Common() {
			body[name] = "owned"
		}
		made := y.want(201, "POST", path, body)
		if r := y.do("GET", path+"/"+text(made, "id"), nil); r.Status != 200 || strings.Contains(string(r.Body), `"owned"`) {
			t.Errorf("%s: %d %s", path, r.Status, r.Body)
		}
	}
	body := map[string]any{"name": "a", "auth_domain": "team.example.com"}
	for _, name := range ownedmember.Common() {
		body[name] = "owned"
	}
	if r := y.do("PUT", "/access/organizations", body); r.Status != 200 || strings.Contains(string(r.Body), `"owned"`) {
		t.Errorf("organization: %d %s", r.Status, r.Body)
	}
}
