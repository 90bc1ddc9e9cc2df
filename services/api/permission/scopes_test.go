package permission_test

import (
	"fmt"
	"strings"
	"testing"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/permission"
)

func TestPermissionGroups(t *testing.T) {
	seen := map[string]bool{}
	for _, g := range permission.Groups {
		if _, err := proto.ParseAccount(g.ID); err != nil || seen[g.ID] || seen[g.Name+fmt.Sprint(g.ForZone)] {
			t.Errorf("%+v", g)
		}
		seen[g.ID], seen[g.Name+fmt.Sprint(g.ForZone)] = true, true
		if g.Edit != strings.HasSuffix(g.Name, " Write") || !g.Edit && !strings.HasSuffix(g.Name, " Read") {
			t.Errorf("%s: edit is %t", g.Name, g.Edit)
		}
	}
}
