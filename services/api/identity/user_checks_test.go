package identity_test

import (
	"strings"
	"testing"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/device"
	"plumbline.dev/services/api/v4"
)

// TestUserPolicyChecks checks that the result of a policy for a person is what it would be at the gateway.
func TestUserPolicyChecks(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	rule := func(selector string, body map[string]any) any { return map[string]any{selector: body} }
	inline := func(name, decision string, include, require []any) any {
		return map[string]any{"name": name, "decision": decision, "include": include, "require": require}
	}
	app := f.Want(201, "POST", "/access/apps",
		map[string]any{"name": "wiki", "domain": "wiki.example.com/pages", "policies": []any{
			inline("services", "non_identity", []any{rule("any_valid_service_token", map[string]any{})}, nil),
			inline("not her", "deny", []any{rule("email", map[string]any{"email": "eve@example.com"})}, nil),
			inline("staff", "allow", []any{rule("email_domain", map[string]any{"domain": "example.com"})},
				[]any{rule("device_posture", map[string]any{"integration_uid": f.Check.String()})}),
		}})
	path := "/access/apps/" + apitest.Text(app, "id") + "/user_policy_checks"
	checks := func(email string) (status string, each string, user map[string]any) {
		t.Helper()
		r := f.Want(200, "GET", path+"?email="+email, nil)
		state := r["app_state"].(map[string]any)
		if state["hostname"] != "wiki.example.com" || state["aud"] != app["aud"] || state["app_uid"] != app["id"] {
			t.Errorf("%v", state)
		}
		var all []string
		for _, p := range state["policies"].([]any) {
			p := p.(map[string]any)
			all = append(all, apitest.Text(p, "name")+" "+apitest.Text(p, "status"))
		}
		return apitest.Text(state, "status"), strings.Join(all, ", "), r["user_identity"].(map[string]any)
	}
	expect := func(email, status, each string) {
		t.Helper()
		if gotStatus, gotEach, _ := checks(email); gotStatus != status || gotEach != each {
			t.Errorf("%s: %s (%s), want %s (%s)", email, gotStatus, gotEach, status, each)
		}
	}
	expect("eve@example.com", "denied", "services no_match, not her denied, staff no_match")
	expect("ada@elsewhere.org", "denied", "services no_match, not her no_match, staff no_match")
	expect("ada@example.com", "denied", "services no_match, not her no_match, staff no_match") // her device is not known

	id := device.PersonID(f.Account, "ada@example.com")
	login := proto.Session{Nonce: "n", User: id, Email: "ada@example.com", Name: "Ada", Device: f.Devices[0],
		IP: "192.0.2.7", Country: "NL", StartedAt: proto.At(f.Clock.Now())}
	if _, err := f.Conn.Put(t.Context(), topology.Sessions, topology.UserKey(f.Account, id),
		&proto.User{ID: id, Email: login.Email, Name: "Ada", Last: login}, 0); err != nil {
		t.Fatal(err)
	}
	f.Evaluate(1, 90, proto.OutcomePass)
	expect("ada@example.com", "allowed", "services no_match, not her no_match, staff allowed")
	_, _, user := checks("ADA@example.com")
	if user["id"] != id.String() || user["name"] != "Ada" || user["email"] != "ada@example.com" ||
		user["iat"] != float64(f.Clock.Now().Unix()) ||
		apitest.JSON(t, user["geo"]) != `{"country":"NL"}` {
		t.Errorf("she is %v", user)
	}
	f.Evaluate(2, 10, proto.OutcomeFail)
	expect("ada@example.com", "denied", "services no_match, not her no_match, staff no_match")

	f.WantError(400, v4.CodeInvalid, "GET", path, nil)
	f.WantError(400, v4.CodeInvalid, "GET", path+"?email=nobody", nil)
	// A user without permission to read users may ask about themselves only.
	key := f.Want(200, "POST", "/tokens", f.TokenBody("apps", apitest.ReadApps))
	req := f.Request("GET", f.Path(path+"?email=ada@example.com"), nil)
	req.Header.Set("Authorization", "Bearer "+apitest.Text(key, "value"))
	if r := f.Send(req); r.Status != 403 {
		t.Errorf("%d %s", r.Status, r.Body)
	}
}
