package posture_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
)

func TestRulesAreEchoed(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	i := apitest.Text(f.Want(200, "POST", "/devices/posture/integration", apitest.IntegrationBody()), "id")
	for name, c := range map[string]struct{ sent, echoed string }{
		"all members": {`{"name":"n","type":"custom_s2s","description":"<d>","schedule":"5m","expiration":"1h",` +
			`"match":[{"platform":"linux"}],"input":{"connection_id":"%s","operator":">=","score":60},"x_note":{"a":[1,` +
			`2.50]}}`, ""},
		"few members": {`{"type":"custom_s2s","input":{"connection_id":"%s","operator":"<","score":0}}`, ""},
		"null": {`{"type":"custom_s2s","description":null,"expiration":null,"match":null,` +
			`"input":{"connection_id":"%s","operator":"==","score":100}}`, ""},
		"a whole number with a fraction": {`{"type":"custom_s2s","input":{"connection_id":"%s","operator":"<=",` +
			`"score":50.0}}`,
			`{"type":"custom_s2s","input":{"connection_id":"%s","operator":"<=","score":50}}`},
		"a fraction": {`{"type":"custom_s2s","input":{"connection_id":"%s","operator":">","score":50.5}}`, ""},
		"an exponent": {`{"type":"custom_s2s","input":{"connection_id":"%s","operator":">","score":1e1}}`,
			`{"type":"custom_s2s","input":{"connection_id":"%s","operator":">","score":10}}`},
		"another id": {`{"id":"mine","type":"custom_s2s","input":{"connection_id":"%s","operator":">","score":1}}`,
			`{"type":"custom_s2s","input":{"connection_id":"%s","operator":">","score":1}}`},
		"empty members": {`{"type":"custom_s2s","input":{"connection_id":"%s","operator":">","score":1,"locations":{},` +
			`"exists":null}}`, `{"type":"custom_s2s","input":{"connection_id":"%s","operator":">","score":1}}`},
		"another type": {`{"name":"Disk","type":"disk_encryption","schedule":"1h","input":{"checkDisks":["C"],` +
			`"requireAll":true},"x":"%s"}`, ""},
		"no input": {`{"name":"WARP","type":"warp","x":"%s"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := f.In(t)
			if c.echoed == "" {
				c.echoed = c.sent
			}
			made := f.Do("POST", "/devices/posture", fmt.Sprintf(c.sent, i))
			if made.Status != 200 {
				t.Fatalf("%d %s", made.Status, made.Body)
			}
			var o v4.Object
			if err := json.Unmarshal(made.Result, &o); err != nil {
				t.Fatal(err)
			}
			id := string(o["id"])
			got := f.Do("GET", "/devices/posture/"+strings.Trim(id, `"`), nil)
			if !bytes.Equal(got.Result, made.Result) {
				t.Errorf("made %s, read %s", made.Result, got.Result)
			}
			delete(o, "id")
			if o.Has("x_unsupported") == strings.Contains(c.sent, "custom_s2s") {
				t.Errorf("x_unsupported is %s", o["x_unsupported"])
			}
			delete(o, "x_unsupported") // added by the api
			if want := v4.Decode(json.RawMessage(fmt.Sprintf(c.echoed, i))); !bytes.Equal(want.Encode(), o.Encode()) {
				t.Errorf("sent %s, echoed %s", c.sent, o.Encode())
			}
		})
	}
}

func TestRuleLife(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	i := apitest.Text(f.Want(200, "POST", "/devices/posture/integration", apitest.IntegrationBody()), "id")
	made := f.Do("POST", "/devices/posture", apitest.CheckBody(i))
	if len(made.Messages) > 0 {
		t.Errorf("messages %v", made.Messages)
	}
	var m map[string]any
	if err := json.Unmarshal(made.Result, &m); err != nil {
		t.Fatal(err)
	}
	path := "/devices/posture/" + apitest.Text(m, "id")
	body := apitest.CheckBody(i)
	delete(body, "expiration")
	changed := f.Do("PUT", path, body)
	if changed.Status != 200 || len(changed.Messages) != 1 ||
		!strings.Contains(changed.Messages[0].Message, "no expiration") ||
		strings.Contains(string(changed.Result), "expiration") {
		t.Errorf("%d %s", changed.Status, changed.Body)
	}
	var check proto.Check
	key := topology.ConfigKey(f.Account, topology.KindCheck, apitest.ID(m))
	if _, err := f.Conn.Get(t.Context(), topology.Config, key, &check); err != nil {
		t.Fatal(err)
	}
	if check.Expiration != 0 || check.Operator != ">=" || check.Score != 60 || check.Integration.String() != i ||
		check.Name != "Healthy" {
		t.Errorf("stored %+v", check)
	}
	f.Want(200, "PUT", path, apitest.CheckBody(i))
	if _, err := f.Conn.Get(t.Context(), topology.Config, key, &check); err != nil || check.Expiration != time.Hour {
		t.Errorf("stored %+v, %v", check, err)
	}
	if gone := f.Want(200, "DELETE", path, nil); gone["id"] != m["id"] {
		t.Errorf("deleted %v", gone)
	}
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		f.WantError(404, v4.CodeUnknownRule, method, path, apitest.CheckBody(i))
	}
	f.WantError(404, v4.CodeUnknownRule, "GET", "/devices/posture/nonsense", nil)
}

func TestInvalidRulesAreRejected(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	i := apitest.Text(f.Want(200, "POST", "/devices/posture/integration", apitest.IntegrationBody()), "id")
	other := apitest.Text(f.Want(200, "POST", "/devices/posture/integration",
		map[string]any{"name": "K", "type": "kolide", "interval": "1h", "config": map[string]any{}}), "id")
	for name, change := range map[string]func(body, input map[string]any){
		"no type":                func(b, _ map[string]any) { delete(b, "type") },
		"an unknown type":        func(b, _ map[string]any) { b["type"] = "vibes" },
		"a name of the type":     func(b, _ map[string]any) { b["name"] = 1 },
		"a description":          func(b, _ map[string]any) { b["description"] = []int{} },
		"an expiration":          func(b, _ map[string]any) { b["expiration"] = "soon" },
		"a negative expiration":  func(b, _ map[string]any) { b["expiration"] = "-1h" },
		"no unit":                func(b, _ map[string]any) { b["expiration"] = "60" },
		"a tiny expiration":      func(b, _ map[string]any) { b["expiration"] = "1ms" },
		"a schedule":             func(b, _ map[string]any) { b["schedule"] = 5 },
		"a match":                func(b, _ map[string]any) { b["match"] = "linux" },
		"a platform":             func(b, _ map[string]any) { b["match"] = []any{map[string]any{"platform": "amiga"}} },
		"no input":               func(b, _ map[string]any) { delete(b, "input") },
		"an input of the type":   func(b, _ map[string]any) { b["input"] = "x" },
		"no connection":          func(_, i map[string]any) { delete(i, "connection_id") },
		"an unknown connection":  func(_, i map[string]any) { i["connection_id"] = proto.NewID() },
		"a connection elsewhere": func(_, i map[string]any) { i["connection_id"] = other },
		"no operator":            func(_, i map[string]any) { delete(i, "operator") },
		"an unknown operator":    func(_, i map[string]any) { i["operator"] = "!=" },
		"no score":               func(_, i map[string]any) { delete(i, "score") },
		"a score of text":        func(_, i map[string]any) { i["score"] = "50" },
		"a high score":           func(_, i map[string]any) { i["score"] = 100.5 },
		"a low score":            func(_, i map[string]any) { i["score"] = -1 },
	} {
		t.Run(name, func(t *testing.T) {
			f := f.In(t)
			body := apitest.CheckBody(i)
			change(body, body["input"].(map[string]any))
			f.WantError(400, v4.CodeRule, "POST", "/devices/posture", body)
		})
	}
}

// TestLimitOfRules checks that an integration has no more checks than an entry can hold, even if clients compete for
// the last place at two replicas.
func TestLimitOfRules(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	i := apitest.Text(f.Want(200, "POST", "/devices/posture/integration", apitest.IntegrationBody()), "id")
	elsewhere := apitest.Text(f.Want(200, "POST", "/devices/posture/integration", apitest.IntegrationBody()), "id")
	var last map[string]any
	for range proto.MaxChecks - 1 {
		last = f.Want(200, "POST", "/devices/posture", apitest.CheckBody(i))
	}
	moving := f.Want(200, "POST", "/devices/posture", apitest.CheckBody(elsewhere))
	second := f.Replica()
	var fight sync.WaitGroup
	taken := make(chan bool, 6)
	for n := range cap(taken) {
		one := f.At([]*api.Service{f.API, second}[n%2])
		fight.Go(func() {
			method, path := "POST", "/devices/posture"
			if n == 0 {
				method, path = "PUT", path+"/"+apitest.Text(moving, "id")
			}
			r := one.Do(method, path, apitest.CheckBody(i))
			if r.Status != 200 && (r.Status != 400 || r.Errors[0].Code != v4.CodeRule) {
				t.Errorf("%d %s", r.Status, r.Body)
			}
			taken <- r.Status == 200
		})
	}
	fight.Wait()
	close(taken)
	won := 0
	for w := range taken {
		if w {
			won++
		}
	}
	if won > 1 {
		t.Errorf("%d took the last place", won)
	}
	rules, _ := f.List("/devices/posture")
	rules = slices.DeleteFunc(rules,
		func(rule map[string]any) bool { return apitest.At(rule, "input", "connection_id") != i })
	if len(rules) != proto.MaxChecks-1+won {
		t.Errorf("%d rules", len(rules))
	}
	if got := f.Do("GET", "/devices/posture/"+apitest.Text(moving, "id"), nil); got.Status != 200 {
		t.Errorf("the rule that was to move is gone: %s", got.Body)
	}
	// The rules of a full integration can still be changed.
	f.Want(200, "PUT", "/devices/posture/"+apitest.Text(last, "id"), apitest.CheckBody(i))
}

// TestChecksInUseAreNotDeleted checks that neither a check that a policy or a group requires nor its integration is
// deleted, and that the error names the users.
func TestChecksInUseAreNotDeleted(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	integration := apitest.Text(f.Want(200, "POST", "/devices/posture/integration", apitest.IntegrationBody()), "id")
	check := apitest.Text(f.Want(200, "POST", "/devices/posture", apitest.CheckBody(integration)), "id")
	rules := []any{map[string]any{"device_posture": map[string]any{"integration_uid": check}}}
	everyone := []any{apitest.Everyone()}
	paths := []string{"/devices/posture/" + check, "/devices/posture/integration/" + integration}
	for _, c := range []struct {
		name, path string
		body       map[string]any
	}{
		{`policy "in require"`, "/access/policies",
			map[string]any{"name": "in require", "decision": "allow", "include": everyone, "require": rules}},
		{`policy "in exclude"`, "/access/policies",
			map[string]any{"name": "in exclude", "decision": "allow", "include": everyone, "exclude": rules}},
		{`group "in include"`, "/access/groups", map[string]any{"name": "in include", "include": rules}},
	} {
		user := c.path + "/" + apitest.Text(f.Want(201, "POST", c.path, c.body), "id")
		for _, path := range paths {
			if says := f.WantError(409, v4.CodeConflict, "DELETE", path, nil); !strings.Contains(says, c.name) {
				t.Errorf("%s: %s", c.name, says)
			}
		}
		f.Want(202, "DELETE", user, nil)
	}
	for _, path := range paths {
		if r := f.Do("DELETE", path, nil); r.Status != 200 {
			t.Errorf("%s: %d %s", path, r.Status, r.Body)
		}
	}
}

// TestUnsupportedChecks checks that a check that is stored and not evaluated is named wherever results are shown, and
// never passes.
func TestUnsupportedChecks(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	intune := f.Want(200, "POST", "/devices/posture/integration",
		map[string]any{"name": "Intune", "type": "intune", "interval": "1h",
			"config": map[string]any{"client_id": "c", "client_secret": "s", "customer_id": "k"}})
	apitest.Same(t, "the integration", intune["x_unsupported"], any([]any{"intune"}))
	check := f.Want(200, "POST", "/devices/posture",
		map[string]any{"name": "Compliant", "type": "intune", "description": "by Intune",
			"input": map[string]any{"connection_id": intune["id"], "compliance_status": "compliant"}})
	apitest.Same(t, "the check", check["x_unsupported"], any([]any{"intune"}))
	// A client sending back the response does not have x_unsupported stored.
	again := f.Want(200, "PUT", "/devices/posture/"+apitest.Text(check, "id"), check)
	apitest.Same(t, "the check again", again, check)
	supported := f.Want(200, "GET", "/devices/posture/"+f.Check.String(), nil)
	if _, named := supported["x_unsupported"]; named {
		t.Errorf("a check that is evaluated: %v", supported)
	}
	f.Evaluate(1, 80, proto.OutcomePass)
	verdict := []any{map[string]any{"check_id": check["id"], "name": "Compliant", "outcome": "unknown",
		"reason": "unsupported", "observed": "unknown"}}
	apitest.Same(t, "results of a device",
		f.Want(200, "GET", "/plumbline/results/devices/"+f.Devices[0].String(), nil)["unsupported"], any(verdict))
	apitest.Same(t, "results of a page", f.Want(200, "GET", "/plumbline/results/pages/0", nil)["unsupported"],
		any(verdict))
	why := f.Want(200, "GET", "/plumbline/explain/"+f.Devices[0].String()+"?check="+apitest.Text(check, "id"),
		nil)["checks"].([]any)[0].(map[string]any)
	if why["reason"] != "unsupported" || why["outcome"] != "unknown" || why["integration"] != nil {
		t.Errorf("explained: %v", why)
	}
}
