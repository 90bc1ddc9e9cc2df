package api

import (
	"strings"
	"testing"

	"plumbline.dev/services/api/v4"
)

// A check that a policy or a group requires is not deleted, nor is its integration: the error names who requires it.
func TestAChecksUsersKeepIt(t *testing.T) {
	y := start(t)
	integration := text(y.want(200, "POST", "/devices/posture/integration", integrationBody()), "id")
	check := text(y.want(200, "POST", "/devices/posture", ruleBody(integration)), "id")
	rules := []any{map[string]any{"device_posture": map[string]any{"integration_uid": check}}}
	everyone := []any{map[string]any{"everyone": map[string]any{}}}
	paths := []string{"/devices/posture/" + check, "/devices/posture/integration/" + integration}
	for _, c := range []struct {
		name, path string
		body       map[string]any
	}{
		{`policy "in require"`, "/access/policies", map[string]any{"name": "in require", "decision": "allow", "include": everyone, "require": rules}},
		{`policy "in exclude"`, "/access/policies", map[string]any{"name": "in exclude", "decision": "allow", "include": everyone, "exclude": rules}},
		{`group "in include"`, "/access/groups", map[string]any{"name": "in include", "include": rules}},
	} {
		user := c.path + "/" + text(y.want(201, "POST", c.path, c.body), "id")
		for _, path := range paths {
			if says := y.refused(409, v4.CodeConflict, "DELETE", path, nil); !strings.Contains(says, c.name) {
				t.Errorf("%s: %s", c.name, says)
			}
		}
		y.want(202, "DELETE", user, nil)
	}
	for _, path := range paths {
		if r := y.do("DELETE", path, nil); r.Status != 200 {
			t.Errorf("%s: %d %s", path, r.Status, r.Body)
		}
	}
}
