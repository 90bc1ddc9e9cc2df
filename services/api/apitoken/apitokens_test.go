package apitoken_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus/bustest"
	"plumbline.dev/proto"
	"plumbline.dev/services/api"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/apitoken"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/v4"
)

func TestAPITokenLife(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	second := f.Replica()
	at := func(s *api.Service, token string) int {
		t.Helper()
		f.Handler = s.Handler()
		return f.As(token, "GET", "/access/apps", nil).Status
	}
	made := f.Want(200, "POST", "/tokens",
		apitest.Plus(f.TokenBody("ci", apitest.ReadApps, apitest.WriteTokens), map[string]any{
			"expires_on": "2026-04-01T00:00:00Z", "not_before": "2026-01-01T00:00:00Z",
			"condition": map[string]any{"request_ip": map[string]any{"in": []string{"192.0.2.1", "10.9.0.0/8"}}},
		}))
	value, path := apitest.Text(made, "value"), "/tokens/"+apitest.Text(made, "id")
	if !apitoken.Form.MatchString(value) || len(value) > 60 {
		t.Errorf("the value %q is not one that every client takes", value)
	}
	if at(second, value) != 200 || at(f.API, value) != 200 {
		t.Error("a token that was just made is not good everywhere")
	}
	f.Handler = second.Handler()
	got := f.Want(200, "GET", path, nil)
	for name, want := range map[string]string{
		"name": `"ci"`, "status": `"active"`, "expires_on": `"2026-04-01T00:00:00Z"`,
		"not_before": `"2026-01-01T00:00:00Z"`,
		"condition":  `{"request_ip":{"in":["192.0.2.1/32","10.0.0.0/8"]}}`, "issued_on": `"2026-03-01T12:00:00Z"`,
		"modified_on": `"2026-03-01T12:00:00Z"`,
	} {
		if apitest.JSON(t, got[name]) != want {
			t.Errorf("%s is %s, want %s", name, apitest.JSON(t, got[name]), want)
		}
	}
	if _, shown := got["value"]; shown ||
		!strings.Contains(apitest.JSON(t, got["policies"]), `{"id":"`+apitest.ReadApps+
			`","name":"Access: Apps and Policies Read"}`) {
		t.Errorf("read back %v", got)
	}
	bustest.Eventually(t, "the use is known",
		func() bool { return f.Want(200, "GET", path, nil)["last_used_on"] == "2026-03-01T12:00:00Z" })

	// Omitted members of a partial update stay.
	f.Clock.Advance(time.Minute)
	changed := f.Want(200, "PUT", path, map[string]any{"policies": f.TokenBody("ci", apitest.WriteApps)["policies"]})
	if apitest.JSON(t, changed["condition"]) != apitest.JSON(t, got["condition"]) ||
		changed["expires_on"] != got["expires_on"] || changed["modified_on"] == got["modified_on"] {
		t.Errorf("changed %v", changed)
	}
	// A full update sets exactly the given restrictions: Terraform's provider omits removed ones.
	whole := f.Want(200, "PUT", path,
		apitest.Plus(f.TokenBody("ci", apitest.WriteApps), map[string]any{"expires_on": "2026-05-01T00:00:00Z"}))
	if whole["condition"] != nil || whole["not_before"] != nil || whole["expires_on"] != "2026-05-01T00:00:00Z" {
		t.Errorf("the whole token: %v", whole)
	}
	freed := f.Want(200, "PUT", path,
		map[string]any{"condition": nil, "expires_on": nil, "not_before": nil, "x_email": "CI@example.com"})
	if freed["condition"] != nil || freed["expires_on"] != nil || freed["name"] != "ci" ||
		freed["x_email"] != "ci@example.com" {
		t.Errorf("freed %v", freed)
	}
	if r := f.As(value, "POST", "/access/tags", map[string]any{"name": "x"}); r.Status != 201 {
		t.Errorf("write: %d %s", r.Status, r.Body)
	}
	if r := f.As(value, "GET", "/access/groups", nil); r.Status != 403 || r.Errors[0].Code != v4.CodeUnauthorized ||
		!strings.Contains(r.Errors[0].Message, "Groups Read") {
		t.Errorf("%d %s", r.Status, r.Body)
	}

	f.Want(200, "PUT", path, map[string]any{"status": "disabled"})
	if at(second, value) != 403 || at(f.API, value) != 403 || f.Want(200, "GET", path, nil)["status"] != "disabled" {
		t.Error("a token that was turned off is good")
	}
	f.Want(200, "PUT", path, map[string]any{"status": "active"})

	r := f.Do("PUT", path+"/value", map[string]any{})
	var rolled string
	if err := json.Unmarshal(r.Result, &rolled); err != nil || !apitoken.Form.MatchString(rolled) {
		t.Fatalf("rolled: %s", r.Body)
	}
	if at(second, rolled) != 200 || at(second, value) != 403 || at(f.API, rolled) != 200 || at(f.API, value) != 403 {
		t.Error("after a roll the new value is not the only good one")
	}
	f.Handler = f.API.Handler()
	if now := f.Want(200, "GET", path, nil); now["name"] != "ci" || now["x_email"] != "ci@example.com" {
		t.Errorf("rolled away: %v", now)
	}
	var list []map[string]any
	if err := json.Unmarshal(f.Do("GET", "/tokens?direction=desc", nil).Result, &list); err != nil || len(list) != 2 ||
		(list[0]["id"] == made["id"]) == (list[0]["x_all"] == true) {
		t.Errorf("list %v, %v", list, err)
	}
	if r := f.Do("GET", "/tokens?page=2", nil); string(r.Result) != "[]" {
		t.Errorf("page 2: %s", r.Body)
	}
	f.Want(200, "DELETE", path, nil)
	f.Handler = second.Handler()
	f.WantError(404, v4.CodeNoAPIToken, "GET", path, nil)
	f.WantError(404, v4.CodeNoAPIToken, "DELETE", path, nil)
	if at(second, rolled) != 403 {
		t.Error("a deleted token is good")
	}
}

func TestInvalidAPITokensAreRejected(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	account := "com.cloudflare.api.account." + f.Account.String()
	policy := func(effect string, groups, resources any) map[string]any {
		return map[string]any{"name": "x",
			"policies": []any{map[string]any{"effect": effect, "permission_groups": groups, "resources": resources}}}
	}
	some, whole := []any{map[string]any{"id": apitest.ReadApps}}, map[string]any{account: "*"}
	zone := "com.cloudflare.api.account.zone." + strings.Repeat("7", 32)
	for name, body := range map[string]any{
		"no name":          map[string]any{"policies": f.TokenBody("x", apitest.ReadApps)["policies"]},
		"a long name":      f.TokenBody(strings.Repeat("x", apitoken.MaxTokenName+1), apitest.ReadApps),
		"no policies":      map[string]any{"name": "x"},
		"empty policies":   map[string]any{"name": "x", "policies": []any{}},
		"null policies":    map[string]any{"name": "x", "policies": nil},
		"another effect":   policy("maybe", some, whole),
		"no groups":        policy("allow", []any{}, whole),
		"an unknown group": policy("allow", []any{map[string]any{"id": "none"}}, whole),
		"no resources":     policy("allow", some, map[string]any{}),
		"another account": policy("allow", some,
			map[string]any{"com.cloudflare.api.account." + proto.NewAccount().String(): "*"}),
		"a user's resource":   policy("allow", some, map[string]any{"com.cloudflare.api.user.x": "*"}),
		"a zone that is none": policy("allow", some, map[string]any{"com.cloudflare.api.account.zone.x": "*"}),
		"not all of it":       policy("allow", some, map[string]any{account: "x"}),
		"nothing in it":       policy("allow", some, map[string]any{account: map[string]any{}}),
		"a denial in a zone":  policy("deny", some, map[string]any{zone: "*"}),
		"an expiry gone by": apitest.Plus(f.TokenBody("x", apitest.ReadApps),
			map[string]any{"expires_on": "2026-02-01T00:00:00Z"}),
		"no time": apitest.Plus(f.TokenBody("x", apitest.ReadApps), map[string]any{"expires_on": "tomorrow"}),
		"over before it begins": apitest.Plus(f.TokenBody("x", apitest.ReadApps),
			map[string]any{"expires_on": "2026-05-01T00:00:00Z", "not_before": "2026-05-01T00:00:00Z"}),
		"another status": apitest.Plus(f.TokenBody("x", apitest.ReadApps), map[string]any{"status": "new"}),
		"an unknown condition": apitest.Plus(f.TokenBody("x", apitest.ReadApps),
			map[string]any{"condition": map[string]any{"request_country": "DE"}}),
		"an unknown list": apitest.Plus(f.TokenBody("x", apitest.ReadApps),
			map[string]any{"condition": map[string]any{"request_ip": map[string]any{"near": []string{}}}}),
		"no range": apitest.Plus(f.TokenBody("x", apitest.ReadApps),
			map[string]any{"condition": map[string]any{"request_ip": map[string]any{"in": []string{"10.0.0.0/40"}}}}),
		"no address": apitest.Plus(f.TokenBody("x", apitest.ReadApps), map[string]any{"x_email": "nobody"}),
	} {
		t.Run(name, func(t *testing.T) {
			f := f.In(t)
			f.WantError(400, v4.CodeInvalid, "POST", "/tokens", body)
		})
	}
	for name, resources := range map[string]any{
		"the account": whole, "every account": map[string]any{"com.cloudflare.api.account.*": "*"},
		"a zone":         map[string]any{zone: "*"},
		"every zone":     map[string]any{"com.cloudflare.api.account.zone.*": "*"},
		"zones of it":    map[string]any{account: map[string]any{"com.cloudflare.api.account.zone.*": "*"}},
		"a zone of it":   map[string]any{account: map[string]any{zone: "*"}},
		"both, the most": map[string]any{account: "*", zone: "*"},
	} {
		made := f.Want(200, "POST", "/tokens", policy("allow", some, resources))
		shown := made["policies"].([]any)[0].(map[string]any)["resources"]
		if apitest.JSON(t, shown) != apitest.JSON(t, resources) {
			t.Errorf("%s: echoed %v", name, shown)
		}
		if may := f.As(apitest.Text(made, "value"), "GET", "/access/apps",
			nil).Status == 200; may != (name == "the account" || name == "every account" || name == "both, the most") {
			t.Errorf("%s: reads the account's applications: %t", name, may)
		}
	}
	f.WantError(400, v4.CodeInvalid, "GET", "/tokens?direction=up", nil)
}

// TestBootstrapTokenKeepsAllPermissions checks that a client that sends back the bootstrap token as it was shown does
// not limit it to the permissions of this version.
func TestBootstrapTokenKeepsAllPermissions(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	var list []map[string]any
	if err := json.Unmarshal(f.Do("GET", "/tokens", nil).Result, &list); err != nil {
		t.Fatal(err)
	}
	path := "/tokens/" + apitest.Text(list[0], "id")
	shown := f.Want(200, "GET", path, nil)
	if got := f.Want(200, "PUT", path,
		map[string]any{"name": "first", "policies": shown["policies"]}); got["x_all"] != true || got["name"] != "first" {
		t.Errorf("renamed %v", got)
	}
	if got := f.Want(200, "PUT", path,
		f.TokenBody("first", apitest.ReadTokens, apitest.WriteTokens)); got["x_all"] != nil {
		t.Errorf("narrowed %v", got)
	}
	f.WantError(403, v4.CodeUnauthorized, "GET", "/access/apps", nil)
	s := f.Replica() // a start does not restore removed permissions
	f.Handler = s.Handler()
	f.WantError(403, v4.CodeUnauthorized, "GET", "/access/apps", nil)
}

func TestListOfPermissionGroups(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	for query, want := range map[string]int{
		"": len(permission.Groups), "?name=Zero+Trust+Write": 1, "?name=Access%3A+Apps+and+Policies+Read": 2,
		"?scope=com.cloudflare.api.account.zone": 2, "?name=none": 0,
	} {
		var list []map[string]any
		r := f.Do("GET", "/tokens/permission_groups"+query, nil)
		if err := json.Unmarshal(r.Result, &list); err != nil || len(list) != want {
			t.Errorf("%s: %d groups, %v", query, len(list), err)
		}
	}
	if r := f.Do("GET", "/tokens/verify", nil); r.Status != http.StatusOK ||
		!strings.Contains(string(r.Result), `"status":"active"`) {
		t.Errorf("%s", r.Body)
	}
}
