package access_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
)

func TestGroupLife(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	body := apitest.With(apitest.With(apitest.GroupBody("staff"), "is_default", true), "exclude",
		[]any{map[string]any{"email": map[string]any{"email": "a@example.com"}}})
	made := f.Want(201, "POST", "/access/groups", body)
	path := "/access/groups/" + apitest.Text(made, "id")
	got := f.Want(200, "GET", path, nil)
	for _, name := range []string{"name", "include", "exclude", "is_default"} {
		if apitest.JSON(t, got[name]) != apitest.JSON(t, body[name]) {
			t.Errorf("%s: sent %s, read %s", name, apitest.JSON(t, body[name]), apitest.JSON(t, got[name]))
		}
	}
	f.Clock.Advance(time.Hour)
	changed := f.Want(200, "PUT", path, apitest.GroupBody("people"))
	if changed["name"] != "people" || changed["is_default"] != nil || len(changed["exclude"].([]any)) != 0 ||
		changed["created_at"] != made["created_at"] || changed["updated_at"] == made["updated_at"] {
		t.Errorf("changed %v", changed)
	}
	other := f.Want(201, "POST", "/access/groups", apitest.GroupBody("outer", apitest.GroupRule(made["id"])))
	policy := f.Want(201, "POST", "/access/policies",
		apitest.With(apitest.PolicyBody("p", "x"), "exclude", []any{apitest.GroupRule(other["id"])}))
	if m := f.WantError(409, v4.CodeConflict, "DELETE", path, nil); !strings.Contains(m, `group "outer"`) {
		t.Error(m)
	}
	if m := f.WantError(409, v4.CodeConflict, "DELETE", "/access/groups/"+apitest.Text(other, "id"),
		nil); !strings.Contains(m, `policy "p"`) {
		t.Error(m)
	}
	var names []string
	for _, query := range []string{"", "?name=outer", "?search=PEO", "?page=2", "?per_page=1&page=2"} {
		r := f.Do("GET", "/access/groups"+query, nil)
		var all []struct{ Name string }
		if err := json.Unmarshal(r.Result, &all); err != nil {
			t.Fatal(err)
		}
		for _, g := range all {
			names = append(names, query+" "+g.Name)
		}
	}
	if got := strings.Join(names,
		","); got != " people, outer,?name=outer outer,?search=PEO people,?per_page=1&page=2 outer" {
		t.Errorf("lists %s", got)
	}
	f.Want(202, "DELETE", "/access/policies/"+apitest.Text(policy, "id"), nil)
	f.Want(202, "DELETE", "/access/groups/"+apitest.Text(other, "id"), nil)
	if gone := f.Want(202, "DELETE", path, nil); gone["id"] != made["id"] {
		t.Errorf("deleted %v", gone)
	}
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		f.WantError(404, v4.CodeUnknownGroup, method, path, apitest.GroupBody("x"))
	}
}

func TestInvalidGroupsAreRejected(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	inner := f.Want(201, "POST", "/access/groups", apitest.GroupBody("inner"))
	outer := f.Want(201, "POST", "/access/groups", apitest.GroupBody("outer", apitest.GroupRule(inner["id"])))
	for name, body := range map[string]map[string]any{
		"no name":    {"include": apitest.GroupBody("x")["include"]},
		"no include": {"name": "x", "include": []any{}},
		"a flag":     apitest.With(apitest.GroupBody("x"), "is_default", []any{}),
		"itself":     apitest.GroupBody("x", apitest.GroupRule(inner["id"])),
		"a circle":   apitest.GroupBody("x", apitest.GroupRule(outer["id"])),
		"no rule":    apitest.With(apitest.GroupBody("x"), "require", []any{map[string]any{"group": map[string]any{}}}),
	} {
		t.Run(name, func(t *testing.T) {
			f := f.In(t)
			f.WantError(400, v4.CodeInvalid, "PUT", "/access/groups/"+apitest.Text(inner, "id"), body)
		})
	}
	nobody := apitest.GroupRule(proto.NewID())
	f.WantError(400, v4.CodeNoSuchGroup, "POST", "/access/groups", apitest.GroupBody("x", nobody))
	f.WantError(400, v4.CodeNoSuchGroup, "POST", "/access/policies",
		apitest.With(apitest.PolicyBody("p", "x"), "require", []any{nobody}))
	f.WantError(400, v4.CodeNoSuchGroup, "POST", "/access/apps",
		map[string]any{"domain": "a.example.com",
			"policies": []any{apitest.With(apitest.PolicyBody("p", "x"), "require", []any{nobody})}})
}
