package api

import (
	"encoding/json"
	"strings"
	"testing"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

// policiesOf are the names of an application's policies, in order, with their precedences.
func policiesOf(app map[string]any) (names []string, ids map[string]string) {
	ids = map[string]string{}
	all, _ := app["policies"].([]any)
	for _, p := range all {
		m := p.(map[string]any)
		names = append(names, text(m, "precedence")+" "+text(m, "name"))
		ids[text(m, "name")] = text(m, "id")
	}
	return names, ids
}

func (y *system) wantPolicies(app map[string]any, want ...string) map[string]string {
	y.t.Helper()
	names, ids := policiesOf(y.want(200, "GET", "/access/apps/"+text(app, "id"), nil))
	if strings.Join(names, "; ") != strings.Join(want, "; ") {
		y.t.Fatalf("policies %q, wanted %q", names, want)
	}
	return ids
}

func TestPoliciesOfAnApplication(t *testing.T) {
	y := start(t)
	shared := y.want(201, "POST", "/access/policies", policyBody("shared", "t"))
	app := y.want(201, "POST", "/access/apps", map[string]any{"domain": "a.example.com", "policies": []any{
		with2(policyBody("third", "t"), "precedence", 7), with2(policyBody("first", "t"), "precedence", 2), map[string]any{"id": shared["id"], "precedence": 5},
	}})
	path := "/access/apps/" + text(app, "id")
	ids := y.wantPolicies(app, "2 first", "5 shared", "7 third")
	if n := y.want(200, "GET", "/access/policies/"+text(shared, "id"), nil)["app_count"]; n != 1.0 {
		t.Errorf("used by %v", n)
	}
	y.refused(409, v4.CodeConflict, "DELETE", "/access/policies/"+text(shared, "id"), nil)
	y.refused(404, v4.CodeNotFound, "GET", "/access/policies/"+ids["first"], nil) // not reusable

	// What was read is written back: nothing changes, not even the ids.
	full := y.want(200, "GET", path, nil)
	y.want(200, "PUT", path, full)
	if again := y.wantPolicies(app, "2 first", "5 shared", "7 third"); again["first"] != ids["first"] || again["third"] != ids["third"] {
		t.Errorf("ids %v, then %v", ids, again)
	}
	// Inline policies without ids keep theirs by name; the order counts where no precedence is said.
	y.want(200, "PUT", path, map[string]any{"domain": "a.example.com", "policies": []any{policyBody("third", "u"), shared["id"], policyBody("new", "t")}})
	again := y.wantPolicies(app, "1 third", "2 shared", "3 new")
	if again["third"] != ids["third"] || len(y.api.store.Catalog.Policies(y.account)) != 3 {
		t.Errorf("ids %v, then %v, %d policies", ids, again, len(y.api.store.Catalog.Policies(y.account)))
	}
	if got := y.want(200, "GET", path+"/policies/"+again["third"], nil); !strings.Contains(jsonText(t, got), `"token_id":"u"`) || got["reusable"] != false {
		t.Errorf("changed inline: %v", got)
	}

	made := y.want(201, "POST", path+"/policies", policyBody("posted", "t"))
	if made["precedence"] != 4.0 || made["reusable"] != false {
		t.Errorf("posted %v", made)
	}
	y.refused(400, v4.CodeInvalid, "POST", path+"/policies", with2(policyBody("clash", "t"), "precedence", 4))
	y.wantPolicies(app, "1 third", "2 shared", "3 new", "4 posted")
	moved := y.want(200, "PUT", path+"/policies/"+text(made, "id"), with2(policyBody("put", "t"), "precedence", 9))
	if moved["id"] != made["id"] || moved["precedence"] != 9.0 || moved["created_at"] != made["created_at"] {
		t.Errorf("put %v", moved)
	}
	y.want(200, "PUT", path+"/policies/"+text(shared, "id"), with2(policyBody("shared", "t"), "precedence", 10))
	y.refused(400, v4.CodeInvalid, "PUT", path+"/policies/"+text(shared, "id"), policyBody("other", "t"))
	y.wantPolicies(app, "1 third", "3 new", "9 put", "10 shared")
	y.want(202, "DELETE", path+"/policies/"+text(made, "id"), nil)
	y.want(202, "DELETE", path+"/policies/"+text(shared, "id"), nil)
	y.refused(404, v4.CodeNotFound, "GET", path+"/policies/"+text(shared, "id"), nil)
	y.refused(404, v4.CodeNotFound, "DELETE", path+"/policies/"+text(made, "id"), nil)
	y.wantPolicies(app, "1 third", "3 new")
	y.want(201, "POST", path+"/policies", map[string]any{"id": shared["id"]})
	y.wantPolicies(app, "1 third", "3 new", "4 shared")

	other := y.want(201, "POST", "/access/apps", map[string]any{"domain": "b.example.com"})
	y.refused(400, v4.CodeInvalid, "PUT", "/access/apps/"+text(other, "id"), map[string]any{"domain": "b.example.com", "policies": []any{ids["third"]}})

	y.want(202, "DELETE", path, nil)
	if left := y.api.store.Catalog.Policies(y.account); len(left) != 1 {
		if err := y.api.store.Fresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if left = y.api.store.Catalog.Policies(y.account); len(left) != 1 {
			t.Errorf("%d policies are left, wanted the reusable one", len(left))
		}
	}
	y.want(202, "DELETE", "/access/policies/"+text(shared, "id"), nil)
	y.refused(404, v4.CodeUnknownApplication, "GET", path+"/policies", nil)
}

func TestReusablePolicies(t *testing.T) {
	y := start(t)
	body := map[string]any{
		"name": "People", "decision": "allow", "session_duration": "30m", "approval_required": false,
		"include": []any{map[string]any{"email_domain": map[string]any{"domain": "example.com"}}, map[string]any{"x_made_up": map[string]any{"y": 1}}},
		"require": []any{map[string]any{"device_posture": map[string]any{"integration_uid": proto.NewID()}, "email": nil}},
		"exclude": []any{map[string]any{"ip": map[string]any{"ip": "192.0.2.0/24"}}, map[string]any{"azureAD": map[string]any{"id": "a", "identity_provider_id": "b"}}},
	}
	made := y.want(201, "POST", "/access/policies", body)
	got := y.want(200, "GET", "/access/policies/"+text(made, "id"), nil)
	for _, name := range []string{"name", "decision", "session_duration", "approval_required", "include", "exclude"} {
		if jsonText(t, got[name]) != jsonText(t, body[name]) {
			t.Errorf("%s: sent %s, read %s", name, jsonText(t, body[name]), jsonText(t, got[name]))
		}
	}
	if require := jsonText(t, got["require"]); strings.Contains(require, "null") || got["reusable"] != true {
		t.Errorf("read %v", got)
	}
	changed := y.want(200, "PUT", "/access/policies/"+text(made, "id"), policyBody("Tokens", "t"))
	if changed["session_duration"] != nil || changed["name"] != "Tokens" || len(changed["exclude"].([]any)) != 0 || changed["created_at"] != made["created_at"] {
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
		"no token":         func(b map[string]any) { b["require"] = []any{map[string]any{"service_token": map[string]any{}}} },
		"no object":        func(b map[string]any) { b["require"] = []any{map[string]any{"everyone": true}} },
		"an address":       func(b map[string]any) { b["require"] = []any{map[string]any{"ip": map[string]any{"ip": "everywhere"}}} },
		"no include":       func(b map[string]any) { delete(b, "include") },
		"a decision":       func(b map[string]any) { b["decision"] = "Allow" },
		"a flag":           func(b map[string]any) { b["isolation_required"] = 1 },
		"approval groups":  func(b map[string]any) { b["approval_groups"] = "all" },
		"a session":        func(b map[string]any) { b["session_duration"] = "x" },
	} {
		t.Run(name, func(t *testing.T) {
			y.t = t
			body := policyBody("p", "t")
			change(body)
			y.refused(400, v4.CodeInvalid, "POST", "/access/policies", body)
		})
	}
}

// A policy whose reusable policy was removed behind the api's back is left out, and can be edited away.
func TestALinkThatLeadsNowhere(t *testing.T) {
	y := start(t)
	shared := y.want(201, "POST", "/access/policies", policyBody("shared", "t"))
	app := y.want(201, "POST", "/access/apps", map[string]any{"domain": "a.example.com", "policies": []any{shared["id"]}})
	id := must(proto.ParseID(text(shared, "id")))
	record, _ := y.api.store.Catalog.Policy(y.account, id)
	if err := y.api.store.Remove(t.Context(), y.account, "policy", id, store.PriorOf(record)); err != nil {
		t.Fatal(err)
	}
	y.wantPolicies(app)
	y.want(201, "POST", "/access/apps/"+text(app, "id")+"/policies", policyBody("mine", "t"))
	var list []map[string]any
	r := y.do("GET", "/access/apps/"+text(app, "id")+"/policies", nil)
	if err := json.Unmarshal(r.Result, &list); err != nil || len(list) != 1 {
		t.Errorf("list %s", r.Body)
	}
}
