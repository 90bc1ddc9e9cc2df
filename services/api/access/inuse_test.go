package access_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
)

// TestResourcesInUseAreNotDeleted checks that the deletion of a resource in use is a conflict that names its users and
// is not retried.
func TestResourcesInUseAreNotDeleted(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	idp := apitest.Text(f.Want(201, "POST", "/access/identity_providers", apitest.ProviderBody()), "id")
	group := apitest.Text(f.Want(201, "POST", "/access/groups", apitest.GroupBody("inner", apitest.Everyone())), "id")
	f.Want(201, "POST", "/access/tags", map[string]any{"name": "tier"})
	f.Want(201, "POST", "/access/groups",
		apitest.GroupBody("outer", map[string]any{"group": map[string]any{"id": group}}))
	f.Want(201, "POST", "/access/groups",
		apitest.GroupBody("people", map[string]any{"login_method": map[string]any{"id": idp}}))
	policy := apitest.Text(f.Want(201, "POST", "/access/policies", map[string]any{"name": "shared", "decision": "deny",
		"include": []any{map[string]any{"group": map[string]any{"id": group}},
			map[string]any{"oidc": map[string]any{"identity_provider_id": idp, "claim_name": "a", "claim_value": "b"}}}}),
		"id")
	for n := range 7 {
		f.Clock.Advance(time.Second)
		f.Want(201, "POST", "/access/apps",
			map[string]any{"name": fmt.Sprintf("app%d", n), "domain": fmt.Sprintf("h%d.example.com", n),
				"tags": []any{"tier"}, "policies": []any{policy}})
	}
	for path, names := range map[string][]string{
		"/access/identity_providers/" + idp: {`policy "shared"`, `group "people"`},
		"/access/groups/" + group:           {`policy "shared"`, `group "outer"`},
		"/access/policies/" + policy:        {`application "app0"`, `application "app4"`, "2 more"},
		"/access/tags/tier":                 {`application "app0"`, `application "app4"`, "2 more"},
	} {
		r := f.Do("DELETE", path, nil)
		if r.Status != 409 || r.Errors[0].Code != v4.CodeConflict || r.Header.Get("X-Should-Retry") != "false" ||
			slices.ContainsFunc(names, func(name string) bool { return !strings.Contains(r.Errors[0].Message, name) }) {
			t.Errorf("%s: %d %s, want %q", path, r.Status, r.Body, names)
		}
	}
}

// TestAProviderInAllowedIDPsIsDeleted deletes a provider before the applications that use it are changed, as Terraform
// does. The applications keep its id: an empty list would mean every provider.
func TestAProviderInAllowedIDPsIsDeleted(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	idp := apitest.Text(f.Want(201, "POST", "/access/identity_providers", apitest.ProviderBody()), "id")
	body := map[string]any{"name": "a", "domain": "a.example.com", "allowed_idps": []any{idp},
		"auto_redirect_to_identity": true}
	app := f.Want(201, "POST", "/access/apps", body)
	path := "/access/apps/" + apitest.Text(app, "id")
	if app["x_unsupported"] != nil {
		t.Errorf("%v", app)
	}
	f.Want(202, "DELETE", "/access/identity_providers/"+idp, nil)
	closed := func(got map[string]any) {
		t.Helper()
		record := storedApplication(f, app["id"])
		if fmt.Sprint(got["allowed_idps"]) != "["+idp+"]" || fmt.Sprint(got["x_unsupported"]) != "[allowed_idps]" ||
			!slices.Equal(record.Gate.IDPs, []proto.ID{apitest.ParseID(idp)}) {
			t.Errorf("%v, stored %+v", got, record.Gate)
		}
	}
	closed(f.Want(200, "GET", path, nil))
	closed(f.Want(200, "PUT", path, body)) // a change of another member
	// A new application cannot use a missing provider.
	f.WantError(400, v4.CodeInvalid, "POST", "/access/apps",
		map[string]any{"name": "b", "domain": "b.example.com", "allowed_idps": []any{idp}})
}

// TestRulesAboutMissingResourcesAreNamed checks that rules about resources that do not exist are stored, as clients
// rely on, and named in the response.
func TestRulesAboutMissingResourcesAreNamed(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	id := proto.NewID().String()
	for selector, body := range map[string]map[string]any{
		"service_token":  {"token_id": id},
		"device_posture": {"integration_uid": id},
		"login_method":   {"id": id},
		"oidc":           {"identity_provider_id": id, "claim_name": "a", "claim_value": "b"},
	} {
		for _, part := range []string{"include", "exclude", "require"} {
			with := func(b map[string]any) map[string]any {
				rules := []any{map[string]any{selector: body}}
				if part == "include" {
					rules = append(rules, apitest.Everyone())
				}
				b["include"] = []any{apitest.Everyone()}
				b[part] = rules
				return b
			}
			policy := f.Want(201, "POST", "/access/policies", with(map[string]any{"name": "p", "decision": "allow"}))
			group := f.Want(201, "POST", "/access/groups", with(map[string]any{"name": "g"}))
			app := f.Want(201, "POST", "/access/apps",
				map[string]any{"name": "a", "domain": strings.ReplaceAll(selector, "_", "-") + part + ".example.com",
					"policies": []any{policy["id"]}})
			for _, got := range []map[string]any{policy, group, app} {
				if fmt.Sprint(got["x_unsupported"]) != "["+selector+"]" {
					t.Errorf("%s %s: %v", part, selector, got)
				}
			}
		}
	}
	list := f.Do("GET", "/access/policies", nil)
	if strings.Count(string(list.Body), `"x_unsupported"`) != 12 {
		t.Errorf("%s", list.Body)
	}
}

func TestRulesAboutExistingResourcesAreNotNamed(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	token := apitest.Text(f.Want(201, "POST", "/access/service_tokens", map[string]any{"name": "t"}), "id")
	idp := apitest.Text(f.Want(201, "POST", "/access/identity_providers", apitest.ProviderBody()), "id")
	policy := f.Want(201, "POST", "/access/policies",
		map[string]any{"name": "p", "decision": "non_identity", "include": []any{
			map[string]any{"service_token": map[string]any{"token_id": token}}}})
	group := f.Want(201, "POST", "/access/groups",
		apitest.GroupBody("g", map[string]any{"login_method": map[string]any{"id": idp}}))
	if policy["x_unsupported"] != nil || group["x_unsupported"] != nil {
		t.Errorf("%v %v", policy, group)
	}
}
