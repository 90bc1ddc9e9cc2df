package api

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/access"
	"plumbline.dev/services/api/v4"
)

func groupBody(name string, rules ...map[string]any) map[string]any {
	return map[string]any{"name": name, "include": append(rules, map[string]any{"email_domain": map[string]any{"domain": "example.com"}})}
}

func groupRule(id any) map[string]any {
	return map[string]any{"group": map[string]any{"id": id}}
}

func TestGroupLife(t *testing.T) {
	y := start(t)
	body := with2(with2(groupBody("staff"), "is_default", true), "exclude", []any{map[string]any{"email": map[string]any{"email": "a@example.com"}}})
	made := y.want(201, "POST", "/access/groups", body)
	path := "/access/groups/" + text(made, "id")
	got := y.want(200, "GET", path, nil)
	for _, name := range []string{"name", "include", "exclude", "is_default"} {
		if jsonText(t, got[name]) != jsonText(t, body[name]) {
			t.Errorf("%s: sent %s, read %s", name, jsonText(t, body[name]), jsonText(t, got[name]))
		}
	}
	y.clock.Advance(time.Hour)
	changed := y.want(200, "PUT", path, groupBody("people"))
	if changed["name"] != "people" || changed["is_default"] != nil || len(changed["exclude"].([]any)) != 0 || changed["created_at"] != made["created_at"] || changed["updated_at"] == made["updated_at"] {
		t.Errorf("changed %v", changed)
	}
	other := y.want(201, "POST", "/access/groups", groupBody("outer", groupRule(made["id"])))
	policy := y.want(201, "POST", "/access/policies", with2(policyBody("p", "x"), "exclude", []any{groupRule(other["id"])}))
	if m := y.refused(409, v4.CodeConflict, "DELETE", path, nil); !strings.Contains(m, `group "outer"`) {
		t.Error(m)
	}
	if m := y.refused(409, v4.CodeConflict, "DELETE", "/access/groups/"+text(other, "id"), nil); !strings.Contains(m, `policy "p"`) {
		t.Error(m)
	}
	var names []string
	for _, query := range []string{"", "?name=outer", "?search=PEO", "?page=2", "?per_page=1&page=2"} {
		r := y.do("GET", "/access/groups"+query, nil)
		var all []struct{ Name string }
		if err := json.Unmarshal(r.Result, &all); err != nil {
			t.Fatal(err)
		}
		for _, g := range all {
			names = append(names, query+" "+g.Name)
		}
	}
	if got := strings.Join(names, ","); got != " people, outer,?name=outer outer,?search=PEO people,?per_page=1&page=2 outer" {
		t.Errorf("lists %s", got)
	}
	y.want(202, "DELETE", "/access/policies/"+text(policy, "id"), nil)
	y.want(202, "DELETE", "/access/groups/"+text(other, "id"), nil)
	if gone := y.want(202, "DELETE", path, nil); gone["id"] != made["id"] {
		t.Errorf("deleted %v", gone)
	}
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		y.refused(404, v4.CodeUnknownGroup, method, path, groupBody("x"))
	}
}

func TestGroupsThatAreRefused(t *testing.T) {
	y := start(t)
	inner := y.want(201, "POST", "/access/groups", groupBody("inner"))
	outer := y.want(201, "POST", "/access/groups", groupBody("outer", groupRule(inner["id"])))
	for name, body := range map[string]map[string]any{
		"no name":    {"include": groupBody("x")["include"]},
		"no include": {"name": "x", "include": []any{}},
		"a flag":     with2(groupBody("x"), "is_default", []any{}),
		"itself":     groupBody("x", groupRule(inner["id"])),
		"a circle":   groupBody("x", groupRule(outer["id"])),
		"no rule":    with2(groupBody("x"), "require", []any{map[string]any{"group": map[string]any{}}}),
	} {
		t.Run(name, func(t *testing.T) {
			y.t = t
			y.refused(400, v4.CodeInvalid, "PUT", "/access/groups/"+text(inner, "id"), body)
		})
	}
	y.t = t
	nobody := groupRule(proto.NewID())
	y.refused(400, v4.CodeNoSuchGroup, "POST", "/access/groups", groupBody("x", nobody))
	y.refused(400, v4.CodeNoSuchGroup, "POST", "/access/policies", with2(policyBody("p", "x"), "require", []any{nobody}))
	y.refused(400, v4.CodeNoSuchGroup, "POST", "/access/apps", map[string]any{"domain": "a.example.com", "policies": []any{with2(policyBody("p", "x"), "require", []any{nobody})}})
}

func TestTags(t *testing.T) {
	y := start(t)
	if made := y.want(201, "POST", "/access/tags", map[string]any{"name": "tier 1"}); made["name"] != "tier 1" || made["app_count"] != 0.0 {
		t.Errorf("made %v", made)
	}
	y.refused(409, v4.CodeConflict, "POST", "/access/tags", map[string]any{"name": "tier 1"})
	for _, name := range []any{"", " a", "a/b", "..", "a?b", "50%", "a\nb", 5, nil, strings.Repeat("x", access.MaxTag+1)} {
		y.refused(400, v4.CodeInvalid, "POST", "/access/tags", map[string]any{"name": name})
	}
	app := y.want(201, "POST", "/access/apps", map[string]any{"name": "a", "domain": "a.example.com", "tags": []any{"tier 1"}})
	if got := y.want(200, "GET", "/access/tags/tier%201", nil); got["app_count"] != 1.0 {
		t.Errorf("read %v", got)
	}
	y.refused(409, v4.CodeConflict, "DELETE", "/access/tags/tier%201", nil)
	y.refused(409, v4.CodeConflict, "PUT", "/access/tags/tier%201", map[string]any{"name": "tier 2"})
	y.want(200, "PUT", "/access/tags/tier%201", map[string]any{"name": "tier 1"})
	y.want(202, "DELETE", "/access/apps/"+text(app, "id"), nil)
	y.want(201, "POST", "/access/tags", map[string]any{"name": "other"})
	y.refused(409, v4.CodeConflict, "PUT", "/access/tags/tier%201", map[string]any{"name": "other"})
	if renamed := y.want(200, "PUT", "/access/tags/tier%201", map[string]any{"name": "tier 2"}); renamed["name"] != "tier 2" {
		t.Errorf("renamed %v", renamed)
	}
	y.refused(404, v4.CodeNotFound, "GET", "/access/tags/tier%201", nil)
	if r := y.do("GET", "/access/tags", nil); r.ResultInfo["total_count"] != 2.0 {
		t.Errorf("list %s", r.Body)
	}
	if gone := y.want(202, "DELETE", "/access/tags/other", nil); gone["name"] != "other" {
		t.Errorf("deleted %v", gone)
	}
	y.want(201, "POST", "/access/tags", map[string]any{"name": "other"})
}
