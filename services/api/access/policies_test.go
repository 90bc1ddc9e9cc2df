package access_test

import (
	"encoding/json"
	"strings"
	"testing"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
)

// policiesOf returns the policies of an application, in order with their precedences, and their ids by name.
func policiesOf(app map[string]any) (names []string, ids map[string]string) {
	ids = map[string]string{}
	all, _ := app["policies"].([]any)
	for _, p := range all {
		m := p.(map[string]any)
		names = append(names, apitest.Text(m, "precedence")+" "+apitest.Text(m, "name"))
		ids[apitest.Text(m, "name")] = apitest.Text(m, "id")
	}
	return names, ids
}

// wantPolicies checks the policies of an application and returns their ids by name.
func wantPolicies(f *apitest.Fixture, app map[string]any, want ...string) map[string]string {
	f.T.Helper()
	names, ids := policiesOf(f.Want(200, "GET", "/access/apps/"+apitest.Text(app, "id"), nil))
	if strings.Join(names, "; ") != strings.Join(want, "; ") {
		f.T.Fatalf("policies %q, want %q", names, want)
	}
	return ids
}

func TestPoliciesOfAnApplication(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	shared := f.Want(201, "POST", "/access/policies", apitest.PolicyBody("shared", "t"))
	app := f.Want(201, "POST", "/access/apps", map[string]any{"domain": "a.example.com", "policies": []any{
		apitest.With(apitest.PolicyBody("third", "t"), "precedence", 7),
		apitest.With(apitest.PolicyBody("first", "t"), "precedence", 2),
		map[string]any{"id": shared["id"], "precedence": 5},
	}})
	path := "/access/apps/" + apitest.Text(app, "id")
	ids := wantPolicies(f, app, "2 first", "5 shared", "7 third")
	if n := f.Want(200, "GET", "/access/policies/"+apitest.Text(shared, "id"), nil)["app_count"]; n != 1.0 {
		t.Errorf("used by %v", n)
	}
	f.WantError(409, v4.CodeConflict, "DELETE", "/access/policies/"+apitest.Text(shared, "id"), nil)
	f.WantError(404, v4.CodeNotFound, "GET", "/access/policies/"+ids["first"], nil) // not reusable

	// Sending a response back changes nothing, not even the ids.
	full := f.Want(200, "GET", path, nil)
	f.Want(200, "PUT", path, full)
	if again := wantPolicies(f, app, "2 first", "5 shared", "7 third"); again["first"] != ids["first"] ||
		again["third"] != ids["third"] {
		t.Errorf("ids %v, then %v", ids, again)
	}
	// Inline policies without ids are matched by name. Their order counts if no precedence is given.
	f.Want(200, "PUT", path,
		map[string]any{"domain": "a.example.com",
			"policies": []any{apitest.PolicyBody("third", "u"), shared["id"], apitest.PolicyBody("new", "t")}})
	again := wantPolicies(f, app, "1 third", "2 shared", "3 new")
	if stored := f.ConfigKeys(topology.KindPolicy); again["third"] != ids["third"] || len(stored) != 3 {
		t.Errorf("ids %v, then %v, stored %q", ids, again, stored)
	}
	if got := f.Want(200, "GET", path+"/policies/"+again["third"], nil); !strings.Contains(apitest.JSON(t, got),
		`"token_id":"u"`) || got["reusable"] != false {
		t.Errorf("changed inline: %v", got)
	}

	made := f.Want(201, "POST", path+"/policies", apitest.PolicyBody("posted", "t"))
	if made["precedence"] != 4.0 || made["reusable"] != false {
		t.Errorf("posted %v", made)
	}
	f.WantError(400, v4.CodeInvalid, "POST", path+"/policies",
		apitest.With(apitest.PolicyBody("clash", "t"), "precedence", 4))
	wantPolicies(f, app, "1 third", "2 shared", "3 new", "4 posted")
	moved := f.Want(200, "PUT", path+"/policies/"+apitest.Text(made, "id"),
		apitest.With(apitest.PolicyBody("put", "t"), "precedence", 9))
	if moved["id"] != made["id"] || moved["precedence"] != 9.0 || moved["created_at"] != made["created_at"] {
		t.Errorf("put %v", moved)
	}
	f.Want(200, "PUT", path+"/policies/"+apitest.Text(shared, "id"),
		apitest.With(apitest.PolicyBody("shared", "t"), "precedence", 10))
	f.WantError(400, v4.CodeInvalid, "PUT", path+"/policies/"+apitest.Text(shared, "id"),
		apitest.PolicyBody("other", "t"))
	wantPolicies(f, app, "1 third", "3 new", "9 put", "10 shared")
	f.Want(202, "DELETE", path+"/policies/"+apitest.Text(made, "id"), nil)
	f.Want(202, "DELETE", path+"/policies/"+apitest.Text(shared, "id"), nil)
	f.WantError(404, v4.CodeNotFound, "GET", path+"/policies/"+apitest.Text(shared, "id"), nil)
	f.WantError(404, v4.CodeNotFound, "DELETE", path+"/policies/"+apitest.Text(made, "id"), nil)
	wantPolicies(f, app, "1 third", "3 new")
	f.Want(201, "POST", path+"/policies", map[string]any{"id": shared["id"]})
	wantPolicies(f, app, "1 third", "3 new", "4 shared")

	other := f.Want(201, "POST", "/access/apps", map[string]any{"domain": "b.example.com"})
	f.WantError(400, v4.CodeInvalid, "PUT", "/access/apps/"+apitest.Text(other, "id"),
		map[string]any{"domain": "b.example.com", "policies": []any{ids["third"]}})

	f.Want(202, "DELETE", path, nil)
	if left := f.ConfigKeys(topology.KindPolicy); len(left) != 1 {
		t.Errorf("the policies %q are left, want the reusable one", left)
	}
	f.Want(202, "DELETE", "/access/policies/"+apitest.Text(shared, "id"), nil)
	f.WantError(404, v4.CodeUnknownApplication, "GET", path+"/policies", nil)
}

func TestReusablePolicies(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	body := map[string]any{
		"name": "People", "decision": "allow", "session_duration": "30m", "approval_required": false,
		"include": []any{map[string]any{"email_domain": map[string]any{"domain": "example.com"}},
			map[string]any{"x_made_up": map[string]any{"y": 1}}},
		"require": []any{map[string]any{"device_posture": map[string]any{"integration_uid": proto.NewID()}, "email": nil}},
		"exclude": []any{map[string]any{"ip": map[string]any{"ip": "192.0.2.0/24"}},
			map[string]any{"azureAD": map[string]any{"id": "a", "identity_provider_id": "b"}}},
	}
	made := f.Want(201, "POST", "/access/policies", body)
	got := f.Want(200, "GET", "/access/policies/"+apitest.Text(made, "id"), nil)
	for _, name := range []string{"name", "decision", "session_duration", "approval_required", "include", "exclude"} {
		if apitest.JSON(t, got[name]) != apitest.JSON(t, body[name]) {
			t.Errorf("%s: sent %s, read %s", name, apitest.JSON(t, body[name]), apitest.JSON(t, got[name]))
		}
	}
	if require := apitest.JSON(t, got["require"]); strings.Contains(require, "null") || got["reusable"] != true {
		t.Errorf("read %v", got)
	}
	changed := f.Want(200, "PUT", "/access/policies/"+apitest.Text(made, "id"), apitest.PolicyBody("Tokens", "t"))
	if changed["session_duration"] != nil || changed["name"] != "Tokens" || len(changed["exclude"].([]any)) != 0 ||
		changed["created_at"] != made["created_at"] {
		t.Errorf("changed %v", changed)
	}
	for name, change := range map[string]func(map[string]any){
		"two selectors": func(b map[string]any) {
			b["include"] = []any{map[string]any{"everyone": map[string]any{}, "email": map[string]any{"email": "a"}}}
		},
		"no selector":      func(b map[string]any) { b["include"] = []any{map[string]any{}} },
		"null selectors":   func(b map[string]any) { b["include"] = []any{map[string]any{"email": nil}} },
		"a rule of a text": func(b map[string]any) { b["include"] = []any{"everyone"} },
		"a null":           func(b map[string]any) { b["include"] = []any{nil} },
		"no list":          func(b map[string]any) { b["exclude"] = map[string]any{} },
		"no token": func(b map[string]any) {
			b["require"] = []any{map[string]any{"service_token": map[string]any{}}}
		},
		"no object": func(b map[string]any) { b["require"] = []any{map[string]any{"everyone": true}} },
		"an address": func(b map[string]any) {
			b["require"] = []any{map[string]any{"ip": map[string]any{"ip": "everywhere"}}}
		},
		"no include":      func(b map[string]any) { delete(b, "include") },
		"a decision":      func(b map[string]any) { b["decision"] = "Allow" },
		"a flag":          func(b map[string]any) { b["isolation_required"] = 1 },
		"approval groups": func(b map[string]any) { b["approval_groups"] = "all" },
		"a session":       func(b map[string]any) { b["session_duration"] = "x" },
	} {
		t.Run(name, func(t *testing.T) {
			f := f.In(t)
			body := apitest.PolicyBody("p", "t")
			change(body)
			f.WantError(400, v4.CodeInvalid, "POST", "/access/policies", body)
		})
	}
}

// TestLinkToAMissingPolicy removes a reusable policy without the api: applications with it omit the policy and can be
// changed.
func TestLinkToAMissingPolicy(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	shared := f.Want(201, "POST", "/access/policies", apitest.PolicyBody("shared", "t"))
	app := f.Want(201, "POST", "/access/apps", map[string]any{"domain": "a.example.com", "policies": []any{shared["id"]}})
	key := topology.ConfigKey(f.Account, topology.KindPolicy, apitest.ID(shared))
	revision, err := f.Conn.Get(t.Context(), topology.Config, key, new(proto.Policy))
	if err == nil {
		err = f.Conn.Delete(t.Context(), topology.Config, key, revision)
	}
	if err != nil {
		t.Fatal(err)
	}
	wantPolicies(f, app)
	f.Want(201, "POST", "/access/apps/"+apitest.Text(app, "id")+"/policies", apitest.PolicyBody("mine", "t"))
	var list []map[string]any
	r := f.Do("GET", "/access/apps/"+apitest.Text(app, "id")+"/policies", nil)
	if err := json.Unmarshal(r.Result, &list); err != nil || len(list) != 1 {
		t.Errorf("list %s", r.Body)
	}
}

// TestMakeReusable checks that a policy that was made reusable can be used by other applications and outlives its own.
func TestMakeReusable(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	app := f.Want(201, "POST", "/access/apps", map[string]any{"domain": "a.example.com", "policies": []any{
		map[string]any{"name": "own", "decision": "bypass", "session_duration": "2h",
			"include": []any{apitest.Everyone()}}}})
	own := app["policies"].([]any)[0].(map[string]any)
	path := "/access/apps/" + apitest.Text(app, "id") + "/policies/" + apitest.Text(own, "id")
	link := map[string]any{"domain": "b.example.com", "policies": []any{apitest.Text(own, "id")}}
	f.WantError(400, v4.CodeInvalid, "POST", "/access/apps", link)
	f.WantError(404, v4.CodeNotFound, "GET", "/access/policies/"+apitest.Text(own, "id"), nil)
	for range 2 { // the second request changes nothing
		got := f.Want(200, "PUT", path+"/make_reusable", nil)
		if got["reusable"] != true || got["id"] != own["id"] || got["session_duration"] != "2h" ||
			got["precedence"] != 1.0 {
			t.Errorf("%v", got)
		}
	}
	if got := apitest.Summary(f.Events()[2:]); got != "update policy" {
		t.Errorf("recorded %s", got)
	}
	f.Want(201, "POST", "/access/apps", link)
	if got := f.Want(200, "GET", "/access/policies/"+apitest.Text(own, "id"), nil); got["app_count"] != 2.0 {
		t.Errorf("%v", got)
	}
	f.WantError(404, v4.CodeNotFound, "PUT", strings.Replace(path, apitest.Text(own, "id"), proto.NewID().String(), 1)+
		"/make_reusable", nil)
	f.Want(202, "DELETE", "/access/apps/"+apitest.Text(app, "id"), nil)
	f.Want(200, "GET", "/access/policies/"+apitest.Text(own, "id"), nil)
}
