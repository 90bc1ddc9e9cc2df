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
	ids := f.CreateKinds(0)
	for _, k := range apitest.Kinds() {
		if !k.AsSent {
			continue
		}
		body := k.Body(f, ids, "a")
		for _, name := range ownedmember.Common() {
			body[name] = "owned"
		}
		made := f.Want(201, "POST", k.Path, body)
		if r := f.Do("GET", k.Path+"/"+k.IDOf(made), nil); r.Status != 200 ||
			strings.Contains(string(r.Body), `"owned"`) {
			t.Errorf("%s: %d %s", k.Path, r.Status, r.Body)
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
