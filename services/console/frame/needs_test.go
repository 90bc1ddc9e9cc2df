package frame

import (
	"testing"

	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/plumb/client"
)

// The console has words for every scope that the API lets anyone edit, and names a permission that includes it.
func TestNeedsAreThoseOfTheAPI(t *testing.T) {
	names := map[string]map[string]bool{}
	for _, g := range permission.Groups {
		if g.Edit {
			scope := string(g.Scope)
			if names[scope] == nil {
				names[scope] = map[string]bool{}
			}
			names[scope][g.Name] = true
		}
	}
	for scope, groups := range names {
		if n := needs[scope]; !groups[n.Permission] || n.Does == "" {
			t.Errorf("%s: %+v, and the API has %v", scope, n, groups)
		}
	}
	for scope := range needs {
		if names[scope] == nil {
			t.Errorf("the API has no scope %s to edit", scope)
		}
	}
	for _, r := range permission.Roles {
		me := client.Me{Type: "user", All: r.All, Permissions: map[string]client.Grant{"posture": {Read: true}}}
		if g := grantsOf(me); r.All != (len(g.lacks) == 0) {
			t.Errorf("%s lacks %q", r.Name, g.lacks)
		}
	}
}
