package access_test

import (
	"strings"
	"testing"

	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/internal/ownedmember"
)

// TestOwnedMembersAreNotStored checks that members which the api owns are not stored when a client sends them back.
func TestOwnedMembersAreNotStored(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	bodies := map[string]map[string]any{
		"/access/groups":             apitest.GroupBody("a"),
		"/access/policies":           {"name": "a", "decision": "allow", "include": []any{apitest.Everyone()}},
		"/access/apps":               {"name": "a", "type": "saas"},
		"/access/identity_providers": {"name": "a", "type": "github", "config": map[string]any{"client_id": "b"}},
	}
	for path, body := range bodies {
		for _, name := range ownedmember.Common() {
			body[name] = "owned"
		}
		made := f.Want(201, "POST", path, body)
		if r := f.Do("GET", path+"/"+apitest.Text(made, "id"), nil); r.Status != 200 ||
			strings.Contains(string(r.Body), `"owned"`) {
			t.Errorf("%s: %d %s", path, r.Status, r.Body)
		}
	}
	body := map[string]any{"name": "a", "auth_domain": "team.example.com"}
	for _, name := range ownedmember.Common() {
		body[name] = "owned"
	}
	if r := f.Do("PUT", "/access/organizations", body); r.Status != 200 || strings.Contains(string(r.Body), `"owned"`) {
		t.Errorf("organization: %d %s", r.Status, r.Body)
	}
}
