package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
)

// What something refers to cannot be deleted: the answer is a conflict, is not worth a retry, and names who refers.
func TestResourcesInUseAreNotDeleted(t *testing.T) {
	y := start(t)
	idp := text(y.want(201, "POST", "/access/identity_providers", oidcBody()), "id")
	group := text(y.want(201, "POST", "/access/groups", groupBody("inner", map[string]any{"everyone": map[string]any{}})), "id")
	y.want(201, "POST", "/access/tags", map[string]any{"name": "tier"})
	y.want(201, "POST", "/access/groups", groupBody("outer", map[string]any{"group": map[string]any{"id": group}}))
	y.want(201, "POST", "/access/groups", groupBody("people", map[string]any{"login_method": map[string]any{"id": idp}}))
	policy := text(y.want(201, "POST", "/access/policies", map[string]any{"name": "shared", "decision": "deny",
		"include": []any{map[string]any{"group": map[string]any{"id": group}}, map[string]any{"oidc": map[string]any{"identity_provider_id": idp, "claim_name": "a", "claim_value": "b"}}}}), "id")
	for n := range 7 {
		y.clock.Advance(time.Second)
		y.want(201, "POST", "/access/apps", map[string]any{"name": fmt.Sprintf("app%d", n), "domain": fmt.Sprintf("h%d.example.com", n),
			"tags": []any{"tier"}, "policies": []any{policy}})
	}
	for path, names := range map[string][]string{
		"/access/identity_providers/" + idp: {`policy "shared"`, `group "people"`},
		"/access/groups/" + group:           {`policy "shared"`, `group "outer"`},
		"/access/policies/" + policy:        {`application "app0"`, `application "app4"`, "2 more"},
		"/access/tags/tier":                 {`application "app0"`, `application "app4"`, "2 more"},
	} {
		r := y.do("DELETE", path, nil)
		if r.Status != 409 || r.Errors[0].Code != v4.CodeConflict || r.Header.Get("X-Should-Retry") != "false" ||
			slices.ContainsFunc(names, func(name string) bool { return !strings.Contains(r.Errors[0].Message, name) }) {
			t.Errorf("%s: %d %s, want %q", path, r.Status, r.Body, names)
		}
	}
}

// Terraform deletes a provider before it updates the applications that take logins there. These keep the id: an
// empty list would mean every provider.
func TestAProviderInAllowedIDPsIsDeleted(t *testing.T) {
	y := start(t)
	idp := text(y.want(201, "POST", "/access/identity_providers", oidcBody()), "id")
	body := map[string]any{"name": "a", "domain": "a.example.com", "allowed_idps": []any{idp}, "auto_redirect_to_identity": true}
	app := y.want(201, "POST", "/access/apps", body)
	path := "/access/apps/" + text(app, "id")
	if app["x_unsupported"] != nil {
		t.Errorf("%v", app)
	}
	y.want(202, "DELETE", "/access/identity_providers/"+idp, nil)
	closed := func(got map[string]any) {
		t.Helper()
		record := y.storedApplication(app["id"])
		if fmt.Sprint(got["allowed_idps"]) != "["+idp+"]" || fmt.Sprint(got["x_unsupported"]) != "[allowed_idps]" ||
			!slices.Equal(record.Gate.IDPs, []proto.ID{must(proto.ParseID(idp))}) {
			t.Errorf("%v, stored %+v", got, record.Gate)
		}
	}
	closed(y.want(200, "GET", path, nil))
	closed(y.want(200, "PUT", path, body)) // somebody changes something else
	// An application cannot begin to take logins there.
	y.refused(400, v4.CodeInvalid, "POST", "/access/apps", map[string]any{"name": "b", "domain": "b.example.com", "allowed_idps": []any{idp}})
}

// Rules may refer to what is not there (yet): clients store such rules. The answers name them.
func TestRulesAboutNothingAreNamed(t *testing.T) {
	y := start(t)
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
					rules = append(rules, map[string]any{"everyone": map[string]any{}})
				}
				b["include"] = []any{map[string]any{"everyone": map[string]any{}}}
				b[part] = rules
				return b
			}
			policy := y.want(201, "POST", "/access/policies", with(map[string]any{"name": "p", "decision": "allow"}))
			group := y.want(201, "POST", "/access/groups", with(map[string]any{"name": "g"}))
			app := y.want(201, "POST", "/access/apps", map[string]any{"name": "a", "domain": strings.ReplaceAll(selector, "_", "-") + part + ".example.com", "policies": []any{policy["id"]}})
			for _, got := range []map[string]any{policy, group, app} {
				if fmt.Sprint(got["x_unsupported"]) != "["+selector+"]" {
					t.Errorf("%s %s: %v", part, selector, got)
				}
			}
		}
	}
	list := y.do("GET", "/access/policies", nil)
	if strings.Count(string(list.Body), `"x_unsupported"`) != 12 {
		t.Errorf("%s", list.Body)
	}
}

// A rule about what is there is not named, and a list notices when it is deleted.
func TestRulesAboutSomethingAreNotNamed(t *testing.T) {
	y := start(t)
	token := text(y.want(201, "POST", "/access/service_tokens", map[string]any{"name": "t"}), "id")
	idp := text(y.want(201, "POST", "/access/identity_providers", oidcBody()), "id")
	policy := y.want(201, "POST", "/access/policies", map[string]any{"name": "p", "decision": "non_identity", "include": []any{
		map[string]any{"service_token": map[string]any{"token_id": token}}}})
	group := y.want(201, "POST", "/access/groups", groupBody("g", map[string]any{"login_method": map[string]any{"id": idp}}))
	if policy["x_unsupported"] != nil || group["x_unsupported"] != nil {
		t.Errorf("%v %v", policy, group)
	}
}
