package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus/bustest"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitoken"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/v4"
)

const (
	readApps    = "7ea222f6d5064cfa89ea366d7c1fee89"
	writeApps   = "1e13c5124ca64b72b1969a67e8829049"
	writeTokens = "5bc3f8b21c554832afc660159ab75fa4"
	readTokens  = "eb56a6953c034b9d97dd838155666f06"
)

// tokenBody is an API token as a client asks for one.
func (y *system) tokenBody(name string, groups ...string) map[string]any {
	refs := []any{}
	for _, id := range groups {
		refs = append(refs, map[string]any{"id": id})
	}
	return map[string]any{"name": name, "policies": []any{map[string]any{
		"effect": "allow", "permission_groups": refs, "resources": map[string]any{"com.cloudflare.api.account." + y.account.String(): "*"},
	}}}
}

func plus(body map[string]any, members map[string]any) map[string]any {
	for name, v := range members {
		body[name] = v
	}
	return body
}

func TestTheLifeOfAnAPIToken(t *testing.T) {
	y := start(t)
	second := y.replica()
	at := func(s *Service, token string) int {
		t.Helper()
		y.handler = s.handler
		return y.as(token, "GET", "/access/apps", nil).Status
	}
	made := y.want(200, "POST", "/tokens", plus(y.tokenBody("ci", readApps, writeTokens), map[string]any{
		"expires_on": "2026-04-01T00:00:00Z", "not_before": "2026-01-01T00:00:00Z", "condition": map[string]any{"request_ip": map[string]any{"in": []string{"192.0.2.1", "10.9.0.0/8"}}},
	}))
	value, path := text(made, "value"), "/tokens/"+text(made, "id")
	if !apitoken.Form.MatchString(value) || len(value) > 60 {
		t.Errorf("the value %q is not one that every client takes", value)
	}
	if at(second, value) != 200 || at(y.api, value) != 200 {
		t.Error("a token that was just made is not good everywhere")
	}
	y.handler = second.handler
	got := y.want(200, "GET", path, nil)
	for name, want := range map[string]string{
		"name": `"ci"`, "status": `"active"`, "expires_on": `"2026-04-01T00:00:00Z"`, "not_before": `"2026-01-01T00:00:00Z"`,
		"condition": `{"request_ip":{"in":["192.0.2.1/32","10.0.0.0/8"]}}`, "issued_on": `"2026-03-01T12:00:00Z"`, "modified_on": `"2026-03-01T12:00:00Z"`,
	} {
		if jsonText(t, got[name]) != want {
			t.Errorf("%s is %s, wanted %s", name, jsonText(t, got[name]), want)
		}
	}
	if _, shown := got["value"]; shown || !strings.Contains(jsonText(t, got["policies"]), `{"id":"`+readApps+`","name":"Access: Apps and Policies Read"}`) {
		t.Errorf("read back %v", got)
	}
	bustest.Eventually(t, "the use is known", func() bool { return y.want(200, "GET", path, nil)["last_used_on"] == "2026-03-01T12:00:00Z" })

	// What a part of a token does not name stays.
	y.clock.Advance(time.Minute)
	changed := y.want(200, "PUT", path, map[string]any{"policies": y.tokenBody("ci", writeApps)["policies"]})
	if jsonText(t, changed["condition"]) != jsonText(t, got["condition"]) || changed["expires_on"] != got["expires_on"] || changed["modified_on"] == got["modified_on"] {
		t.Errorf("changed %v", changed)
	}
	// A whole token has the restrictions that it names and no others: Terraform's provider leaves out what was removed.
	whole := y.want(200, "PUT", path, plus(y.tokenBody("ci", writeApps), map[string]any{"expires_on": "2026-05-01T00:00:00Z"}))
	if whole["condition"] != nil || whole["not_before"] != nil || whole["expires_on"] != "2026-05-01T00:00:00Z" {
		t.Errorf("the whole token: %v", whole)
	}
	freed := y.want(200, "PUT", path, map[string]any{"condition": nil, "expires_on": nil, "not_before": nil, "x_email": "CI@example.com"})
	if freed["condition"] != nil || freed["expires_on"] != nil || freed["name"] != "ci" || freed["x_email"] != "ci@example.com" {
		t.Errorf("freed %v", freed)
	}
	if r := y.as(value, "POST", "/access/tags", map[string]any{"name": "x"}); r.Status != 201 {
		t.Errorf("write: %d %s", r.Status, r.Body)
	}
	if r := y.as(value, "GET", "/access/groups", nil); r.Status != 403 || r.Errors[0].Code != v4.CodeUnauthorized || !strings.Contains(r.Errors[0].Message, "Groups Read") {
		t.Errorf("%d %s", r.Status, r.Body)
	}

	y.want(200, "PUT", path, map[string]any{"status": "disabled"})
	if at(second, value) != 403 || at(y.api, value) != 403 || y.want(200, "GET", path, nil)["status"] != "disabled" {
		t.Error("a token that was turned off is good")
	}
	y.want(200, "PUT", path, map[string]any{"status": "active"})

	r := y.do("PUT", path+"/value", map[string]any{})
	var rolled string
	if err := json.Unmarshal(r.Result, &rolled); err != nil || !apitoken.Form.MatchString(rolled) {
		t.Fatalf("rolled: %s", r.Body)
	}
	if at(second, rolled) != 200 || at(second, value) != 403 || at(y.api, rolled) != 200 || at(y.api, value) != 403 {
		t.Error("after a roll the new value is not the only good one")
	}
	y.handler = y.api.handler
	if now := y.want(200, "GET", path, nil); now["name"] != "ci" || now["x_email"] != "ci@example.com" {
		t.Errorf("rolled away: %v", now)
	}
	var list []map[string]any
	if err := json.Unmarshal(y.do("GET", "/tokens?direction=desc", nil).Result, &list); err != nil || len(list) != 2 || (list[0]["id"] == made["id"]) == (list[0]["x_all"] == true) {
		t.Errorf("list %v, %v", list, err)
	}
	if r := y.do("GET", "/tokens?page=2", nil); string(r.Result) != "[]" {
		t.Errorf("page 2: %s", r.Body)
	}
	y.want(200, "DELETE", path, nil)
	y.handler = second.handler
	y.refused(404, v4.CodeNoAPIToken, "GET", path, nil)
	y.refused(404, v4.CodeNoAPIToken, "DELETE", path, nil)
	if at(second, rolled) != 403 {
		t.Error("a deleted token is good")
	}
}

func TestWhatIsNoAPITokenIsRefused(t *testing.T) {
	y := start(t)
	account := "com.cloudflare.api.account." + y.account.String()
	policy := func(effect string, groups, resources any) map[string]any {
		return map[string]any{"name": "x", "policies": []any{map[string]any{"effect": effect, "permission_groups": groups, "resources": resources}}}
	}
	some, whole := []any{map[string]any{"id": readApps}}, map[string]any{account: "*"}
	zone := "com.cloudflare.api.account.zone." + strings.Repeat("7", 32)
	for name, body := range map[string]any{
		"no name":               map[string]any{"policies": y.tokenBody("x", readApps)["policies"]},
		"a long name":           y.tokenBody(strings.Repeat("x", apitoken.MaxTokenName+1), readApps),
		"no policies":           map[string]any{"name": "x"},
		"empty policies":        map[string]any{"name": "x", "policies": []any{}},
		"null policies":         map[string]any{"name": "x", "policies": nil},
		"another effect":        policy("maybe", some, whole),
		"no groups":             policy("allow", []any{}, whole),
		"an unknown group":      policy("allow", []any{map[string]any{"id": "none"}}, whole),
		"no resources":          policy("allow", some, map[string]any{}),
		"another account":       policy("allow", some, map[string]any{"com.cloudflare.api.account." + proto.NewAccount().String(): "*"}),
		"a user's resource":     policy("allow", some, map[string]any{"com.cloudflare.api.user.x": "*"}),
		"a zone that is none":   policy("allow", some, map[string]any{"com.cloudflare.api.account.zone.x": "*"}),
		"not all of it":         policy("allow", some, map[string]any{account: "x"}),
		"nothing in it":         policy("allow", some, map[string]any{account: map[string]any{}}),
		"a denial in a zone":    policy("deny", some, map[string]any{zone: "*"}),
		"an expiry gone by":     plus(y.tokenBody("x", readApps), map[string]any{"expires_on": "2026-02-01T00:00:00Z"}),
		"no time":               plus(y.tokenBody("x", readApps), map[string]any{"expires_on": "tomorrow"}),
		"over before it begins": plus(y.tokenBody("x", readApps), map[string]any{"expires_on": "2026-05-01T00:00:00Z", "not_before": "2026-05-01T00:00:00Z"}),
		"another status":        plus(y.tokenBody("x", readApps), map[string]any{"status": "new"}),
		"an unknown condition":  plus(y.tokenBody("x", readApps), map[string]any{"condition": map[string]any{"request_country": "DE"}}),
		"an unknown list":       plus(y.tokenBody("x", readApps), map[string]any{"condition": map[string]any{"request_ip": map[string]any{"near": []string{}}}}),
		"no range":              plus(y.tokenBody("x", readApps), map[string]any{"condition": map[string]any{"request_ip": map[string]any{"in": []string{"10.0.0.0/40"}}}}),
		"no address":            plus(y.tokenBody("x", readApps), map[string]any{"x_email": "nobody"}),
	} {
		t.Run(name, func(t *testing.T) {
			y.t = t
			y.refused(400, v4.CodeInvalid, "POST", "/tokens", body)
		})
	}
	y.t = t
	for name, resources := range map[string]any{
		"the account": whole, "every account": map[string]any{"com.cloudflare.api.account.*": "*"}, "a zone": map[string]any{zone: "*"},
		"every zone":     map[string]any{"com.cloudflare.api.account.zone.*": "*"},
		"zones of it":    map[string]any{account: map[string]any{"com.cloudflare.api.account.zone.*": "*"}},
		"a zone of it":   map[string]any{account: map[string]any{zone: "*"}},
		"both, the most": map[string]any{account: "*", zone: "*"},
	} {
		made := y.want(200, "POST", "/tokens", policy("allow", some, resources))
		shown := made["policies"].([]any)[0].(map[string]any)["resources"]
		if jsonText(t, shown) != jsonText(t, resources) {
			t.Errorf("%s: echoed %v", name, shown)
		}
		if may := y.as(text(made, "value"), "GET", "/access/apps", nil).Status == 200; may != (name == "the account" || name == "every account" || name == "both, the most") {
			t.Errorf("%s: reads the account's applications: %t", name, may)
		}
	}
	y.refused(400, v4.CodeInvalid, "GET", "/tokens?direction=up", nil)
}

// A token that may edit tokens is not by that one that may do everything.
func TestNoTokenGrowsByEditingTokens(t *testing.T) {
	y := start(t)
	var list []map[string]any
	if err := json.Unmarshal(y.do("GET", "/tokens", nil).Result, &list); err != nil {
		t.Fatal(err)
	}
	bootstrapID := text(list[0], "id")
	admin := y.want(200, "POST", "/tokens", plus(y.tokenBody("admin", writeTokens, readApps), map[string]any{
		"expires_on": "2026-04-01T00:00:00Z", "condition": map[string]any{"request_ip": map[string]any{"in": []string{"192.0.2.0/24"}}}}))
	value, self := text(admin, "value"), "/tokens/"+text(admin, "id")
	limits := map[string]any{"expires_on": "2026-03-31T00:00:00Z", "condition": map[string]any{"request_ip": map[string]any{"in": []string{"192.0.2.1"}}}}
	child := y.as(value, "POST", "/tokens", plus(y.tokenBody("child", readTokens, readApps), limits))
	if child.Status != 200 {
		t.Fatalf("a child with less: %s", child.Body)
	}
	var made map[string]any
	if err := json.Unmarshal(child.Result, &made); err != nil || made["x_created_by"] != admin["id"] {
		t.Errorf("made %v, %v", made, err)
	}
	without := func(name string) map[string]any {
		body := plus(y.tokenBody("child", readApps), limits)
		delete(body, name)
		return body
	}
	for _, c := range []struct {
		name, method, path string
		body               any
	}{
		{"a child with more", "POST", "/tokens", plus(y.tokenBody("child", writeApps), limits)},
		{"a child that lives longer", "POST", "/tokens", plus(y.tokenBody("child", readApps), map[string]any{"expires_on": "2026-04-01T00:00:01Z", "condition": limits["condition"]})},
		{"a child that lives for ever", "POST", "/tokens", without("expires_on")},
		{"a child that can be used anywhere", "POST", "/tokens", without("condition")},
		{"itself with more", "PUT", self, y.tokenBody("admin", writeTokens, writeApps)},
		{"itself for ever", "PUT", self, map[string]any{"expires_on": nil}},
		{"itself from anywhere", "PUT", self, map[string]any{"condition": nil}},
		{"its child with more", "PUT", "/tokens/" + text(made, "id"), y.tokenBody("child", writeApps)},
		{"the value of another's", "PUT", "/tokens/" + bootstrapID + "/value", map[string]any{}},
		{"a key of another's", "PUT", "/tokens/" + bootstrapID, map[string]any{"x_email": "me@example.com"}},
	} {
		if r := y.as(value, c.method, c.path, c.body); r.Status != 403 || r.Errors[0].Code != v4.CodeUnauthorized || !strings.Contains(r.Errors[0].Message, "does not have") {
			t.Errorf("%s: %d %s", c.name, r.Status, r.Body)
		}
	}
	if r := y.as(value, "PUT", self+"/value", nil); r.Status != 200 {
		t.Errorf("its own value: %s", r.Body)
	}
}

// The first token goes on being able to do all that there is, whatever clients send back of it.
func TestTheBootstrapTokenStaysWhole(t *testing.T) {
	y := start(t)
	var list []map[string]any
	if err := json.Unmarshal(y.do("GET", "/tokens", nil).Result, &list); err != nil {
		t.Fatal(err)
	}
	path := "/tokens/" + text(list[0], "id")
	shown := y.want(200, "GET", path, nil)
	if got := y.want(200, "PUT", path, map[string]any{"name": "first", "policies": shown["policies"]}); got["x_all"] != true || got["name"] != "first" {
		t.Errorf("renamed %v", got)
	}
	if got := y.want(200, "PUT", path, y.tokenBody("first", readTokens, writeTokens)); got["x_all"] != nil {
		t.Errorf("narrowed %v", got)
	}
	y.refused(403, v4.CodeUnauthorized, "GET", "/access/apps", nil)
	s := y.replica() // a start does not give back what was taken away
	y.handler = s.handler
	y.refused(403, v4.CodeUnauthorized, "GET", "/access/apps", nil)
}

func TestPermissionGroupsAreListed(t *testing.T) {
	y := start(t)
	for query, want := range map[string]int{
		"": len(permission.Groups), "?name=Zero+Trust+Write": 1, "?name=Access%3A+Apps+and+Policies+Read": 2,
		"?scope=com.cloudflare.api.account.zone": 2, "?name=none": 0,
	} {
		var list []map[string]any
		r := y.do("GET", "/tokens/permission_groups"+query, nil)
		if err := json.Unmarshal(r.Result, &list); err != nil || len(list) != want {
			t.Errorf("%s: %d groups, %v", query, len(list), err)
		}
	}
	if r := y.do("GET", "/tokens/verify", nil); r.Status != http.StatusOK || !strings.Contains(string(r.Result), `"status":"active"`) {
		t.Errorf("%s", r.Body)
	}
}
