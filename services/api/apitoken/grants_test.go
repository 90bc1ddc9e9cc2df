package apitoken_test

import (
	"encoding/json"
	"strings"
	"testing"

	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
)

// TestTokensDoNotGrantMoreThanTheyHave checks that a token that may edit tokens cannot create a token with other
// permissions, or a longer or wider validity, than its own.
func TestTokensDoNotGrantMoreThanTheyHave(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	var list []map[string]any
	if err := json.Unmarshal(f.Do("GET", "/tokens", nil).Result, &list); err != nil {
		t.Fatal(err)
	}
	bootstrapID := apitest.Text(list[0], "id")
	admin := f.Want(200, "POST", "/tokens",
		apitest.Plus(f.TokenBody("admin", apitest.WriteTokens, apitest.ReadApps), map[string]any{
			"expires_on": "2026-04-01T00:00:00Z",
			"condition":  map[string]any{"request_ip": map[string]any{"in": []string{"192.0.2.0/24"}}}}))
	value, self := apitest.Text(admin, "value"), "/tokens/"+apitest.Text(admin, "id")
	limits := map[string]any{"expires_on": "2026-03-31T00:00:00Z",
		"condition": map[string]any{"request_ip": map[string]any{"in": []string{"192.0.2.1"}}}}
	child := f.As(value, "POST", "/tokens",
		apitest.Plus(f.TokenBody("child", apitest.ReadTokens, apitest.ReadApps), limits))
	if child.Status != 200 {
		t.Fatalf("a child with less: %s", child.Body)
	}
	var made map[string]any
	if err := json.Unmarshal(child.Result, &made); err != nil || made["x_created_by"] != admin["id"] {
		t.Errorf("made %v, %v", made, err)
	}
	without := func(name string) map[string]any {
		body := apitest.Plus(f.TokenBody("child", apitest.ReadApps), limits)
		delete(body, name)
		return body
	}
	for _, c := range []struct {
		name, method, path string
		body               any
	}{
		{"a child with more", "POST", "/tokens", apitest.Plus(f.TokenBody("child", apitest.WriteApps), limits)},
		{"a child that lives longer", "POST", "/tokens",
			apitest.Plus(f.TokenBody("child", apitest.ReadApps),
				map[string]any{"expires_on": "2026-04-01T00:00:01Z", "condition": limits["condition"]})},
		{"a child that lives for ever", "POST", "/tokens", without("expires_on")},
		{"a child that can be used anywhere", "POST", "/tokens", without("condition")},
		{"itself with more", "PUT", self, f.TokenBody("admin", apitest.WriteTokens, apitest.WriteApps)},
		{"itself for ever", "PUT", self, map[string]any{"expires_on": nil}},
		{"itself from anywhere", "PUT", self, map[string]any{"condition": nil}},
		{"its child with more", "PUT", "/tokens/" + apitest.Text(made, "id"), f.TokenBody("child", apitest.WriteApps)},
		{"the value of another's", "PUT", "/tokens/" + bootstrapID + "/value", map[string]any{}},
		{"a key of another's", "PUT", "/tokens/" + bootstrapID, map[string]any{"x_email": "me@example.com"}},
	} {
		if r := f.As(value, c.method, c.path, c.body); r.Status != 403 || r.Errors[0].Code != v4.CodeUnauthorized ||
			!strings.Contains(r.Errors[0].Message, "does not have") {
			t.Errorf("%s: %d %s", c.name, r.Status, r.Body)
		}
	}
	if r := f.As(value, "PUT", self+"/value", nil); r.Status != 200 {
		t.Errorf("its own value: %s", r.Body)
	}
}

// TestTokensDoNotTakeTheNameOfOthers checks that a token that may edit tokens cannot act under another's e-mail
// address.
func TestTokensDoNotTakeTheNameOfOthers(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	named := func(email string) map[string]any {
		return apitest.Plus(f.TokenBody("key", apitest.ReadTokens), map[string]any{"x_email": email})
	}
	groups := f.TokenBody("bot", apitest.WriteTokens)
	plain := f.Want(200, "POST", "/tokens", groups)
	own := f.Want(200, "POST", "/tokens", apitest.Plus(groups, map[string]any{"x_email": "bot@example.com"}))
	ceo := "/tokens/" + apitest.Text(f.Want(200, "POST", "/tokens", named("ceo@example.com")), "id")
	other := "/tokens/" + apitest.Text(f.Want(200, "POST", "/tokens", f.TokenBody("other", apitest.ReadTokens)), "id")
	rename := map[string]any{"name": "key of the CEO"}
	for _, c := range []struct {
		by           map[string]any
		method, path string
		body         any
		want         int
	}{
		{plain, "POST", "/tokens", named("ceo@example.com"), 403},
		{plain, "PUT", other, map[string]any{"x_email": "CEO@example.com"}, 403},
		{plain, "PUT", ceo + "/value", map[string]any{}, 403}, // the value would be in the response
		{plain, "PUT", ceo, map[string]any{"x_email": "other@example.com"}, 403},
		{plain, "PUT", ceo, rename, 200},
		{plain, "POST", "/tokens", named(""), 200},
		{plain, "PUT", other + "/value", map[string]any{}, 200},
		{own, "POST", "/tokens", named("ceo@example.com"), 403},
		{own, "POST", "/tokens", named("BOT@example.com"), 200},
		{own, "PUT", other, map[string]any{"x_email": "bot@example.com"}, 200},
		{plain, "PUT", ceo, map[string]any{"x_email": nil}, 200},
	} {
		if r := f.As(apitest.Text(c.by, "value"), c.method, c.path, c.body); r.Status != c.want {
			t.Errorf("%s %s %v: %d %s, want %d", c.method, c.path, c.body, r.Status, r.Body, c.want)
		}
	}
}
