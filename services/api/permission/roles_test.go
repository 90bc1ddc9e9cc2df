package permission

import (
	"slices"
	"testing"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
)

// TestEveryScopeHasARole checks that each scope that can be edited is either an editor's or an administrator's alone.
func TestEveryScopeHasARole(t *testing.T) {
	for _, g := range Groups {
		if !g.Edit {
			continue
		}
		editor, administrator := slices.Contains(editorScopes, g.Scope), slices.Contains(administratorScopes, g.Scope)
		if editor == administrator {
			t.Errorf("%s: an editor's: %t, an administrator's: %t", g.Scope, editor, administrator)
		}
	}
}

func TestPermissionsOfRoles(t *testing.T) {
	seen := map[string]bool{}
	for n, r := range Roles {
		if _, err := proto.ParseAccount(r.ID); err != nil || seen[r.ID] || r.Description == "" {
			t.Errorf("%+v", r)
		}
		seen[r.ID] = true
		token := OfRoles([]string{r.ID, "unknown"})
		if token.All != r.All || r.All != (n == 0) {
			t.Errorf("%s: %+v", r.Name, token)
		}
		for _, g := range Groups {
			want := !g.Edit || n == 0 || n == 1 && slices.Contains(editorScopes, g.Scope)
			if got := r.Permits(g.Permission); got != want || Permits(token, g.Permission, proto.Account{}) != want {
				t.Errorf("%s: %s: %t, want %t", r.Name, g.Name, got, want)
			}
		}
		if none := (v4.Permission{Scope: "later"}); Permits(token, none, proto.Account{}) != r.All ||
			r.Permits(none) != r.All {
			t.Errorf("%s: a scope of a later version", r.Name)
		}
	}
	if token := OfRoles(nil); token.All || len(token.Policies) > 0 {
		t.Errorf("no role: %+v", token)
	}
	both := OfRoles([]string{Roles[2].ID, Roles[1].ID})
	if !Permits(both, v4.Permission{Scope: Apps, Edit: true}, proto.Account{}) || both.All {
		t.Errorf("%+v", both)
	}
}
