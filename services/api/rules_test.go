package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
)

func TestRulesAreEchoed(t *testing.T) {
	y := start(t)
	i := text(y.want(200, "POST", "/devices/posture/integration", integrationBody()), "id")
	for name, c := range map[string]struct{ sent, echoed string }{
		"all members": {`{"name":"n","type":"custom_s2s","description":"<d>","schedule":"5m","expiration":"1h","match":[{"platform":"linux"}],"input":{"connection_id":"%s","operator":">=","score":60},"x_note":{"a":[1,2.50]}}`, ""},
		"few members": {`{"type":"custom_s2s","input":{"connection_id":"%s","operator":"<","score":0}}`, ""},
		"null":        {`{"type":"custom_s2s","description":null,"expiration":null,"match":null,"input":{"connection_id":"%s","operator":"==","score":100}}`, ""},
		"a whole number with a fraction": {`{"type":"custom_s2s","input":{"connection_id":"%s","operator":"<=","score":50.0}}`,
			`{"type":"custom_s2s","input":{"connection_id":"%s","operator":"<=","score":50}}`},
		"a fraction":    {`{"type":"custom_s2s","input":{"connection_id":"%s","operator":">","score":50.5}}`, ""},
		"an exponent":   {`{"type":"custom_s2s","input":{"connection_id":"%s","operator":">","score":1e1}}`, `{"type":"custom_s2s","input":{"connection_id":"%s","operator":">","score":10}}`},
		"another id":    {`{"id":"mine","type":"custom_s2s","input":{"connection_id":"%s","operator":">","score":1}}`, `{"type":"custom_s2s","input":{"connection_id":"%s","operator":">","score":1}}`},
		"empty members": {`{"type":"custom_s2s","input":{"connection_id":"%s","operator":">","score":1,"locations":{},"exists":null}}`, `{"type":"custom_s2s","input":{"connection_id":"%s","operator":">","score":1}}`},
		"another type":  {`{"name":"Disk","type":"disk_encryption","schedule":"1h","input":{"checkDisks":["C"],"requireAll":true},"x":"%s"}`, ""},
		"no input":      {`{"name":"WARP","type":"warp","x":"%s"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			y.t = t
			if c.echoed == "" {
				c.echoed = c.sent
			}
			made := y.do("POST", "/devices/posture", fmt.Sprintf(c.sent, i))
			if made.Status != 200 {
				t.Fatalf("%d %s", made.Status, made.Body)
			}
			var o v4.Object
			if err := json.Unmarshal(made.Result, &o); err != nil {
				t.Fatal(err)
			}
			id := string(o["id"])
			got := y.do("GET", "/devices/posture/"+strings.Trim(id, `"`), nil)
			if !bytes.Equal(got.Result, made.Result) {
				t.Errorf("made %s, read %s", made.Result, got.Result)
			}
			delete(o, "id")
			if o.Has("x_unsupported") == strings.Contains(c.sent, "custom_s2s") {
				t.Errorf("x_unsupported is %s", o["x_unsupported"])
			}
			delete(o, "x_unsupported") // ours
			if want := v4.Decode(json.RawMessage(fmt.Sprintf(c.echoed, i))); !bytes.Equal(want.Encode(), o.Encode()) {
				t.Errorf("sent %s, echoed %s", c.sent, o.Encode())
			}
		})
	}
}

func TestRuleLife(t *testing.T) {
	y := start(t)
	i := text(y.want(200, "POST", "/devices/posture/integration", integrationBody()), "id")
	made := y.do("POST", "/devices/posture", ruleBody(i))
	if len(made.Messages) > 0 {
		t.Errorf("messages %v", made.Messages)
	}
	var m map[string]any
	if err := json.Unmarshal(made.Result, &m); err != nil {
		t.Fatal(err)
	}
	path := "/devices/posture/" + text(m, "id")
	body := ruleBody(i)
	delete(body, "expiration")
	changed := y.do("PUT", path, body)
	if changed.Status != 200 || len(changed.Messages) != 1 || !strings.Contains(changed.Messages[0].Message, "no expiration") || strings.Contains(string(changed.Result), "expiration") {
		t.Errorf("%d %s", changed.Status, changed.Body)
	}
	var check proto.Check
	key := topology.ConfigKey(y.account, topology.KindCheck, must(proto.ParseID(text(m, "id"))))
	if _, err := y.conn.Get(t.Context(), topology.Config, key, &check); err != nil {
		t.Fatal(err)
	}
	if check.Expiration != 0 || check.Operator != ">=" || check.Score != 60 || check.Integration.String() != i || check.Name != "Healthy" {
		t.Errorf("stored %+v", check)
	}
	y.want(200, "PUT", path, ruleBody(i))
	if _, err := y.conn.Get(t.Context(), topology.Config, key, &check); err != nil || check.Expiration != time.Hour {
		t.Errorf("stored %+v, %v", check, err)
	}
	if gone := y.want(200, "DELETE", path, nil); gone["id"] != m["id"] {
		t.Errorf("deleted %v", gone)
	}
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		y.refused(404, v4.CodeUnknownRule, method, path, ruleBody(i))
	}
	y.refused(404, v4.CodeUnknownRule, "GET", "/devices/posture/nonsense", nil)
}

func TestRulesThatAreRefused(t *testing.T) {
	y := start(t)
	i := text(y.want(200, "POST", "/devices/posture/integration", integrationBody()), "id")
	other := text(y.want(200, "POST", "/devices/posture/integration", map[string]any{"name": "K", "type": "kolide", "interval": "1h", "config": map[string]any{}}), "id")
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
			y.t = t
			body := ruleBody(i)
			change(body, body["input"].(map[string]any))
			y.refused(400, v4.CodeRule, "POST", "/devices/posture", body)
		})
	}
}

// An integration has no more checks than an entry can hold, also when the last places are fought for at
// two replicas.
func TestAnIntegrationHasAHundredRules(t *testing.T) {
	y := start(t)
	i := text(y.want(200, "POST", "/devices/posture/integration", integrationBody()), "id")
	elsewhere := text(y.want(200, "POST", "/devices/posture/integration", integrationBody()), "id")
	var last map[string]any
	for range proto.MaxChecks - 1 {
		last = y.want(200, "POST", "/devices/posture", ruleBody(i))
	}
	moving := y.want(200, "POST", "/devices/posture", ruleBody(elsewhere))
	second := y.replica()
	var fight sync.WaitGroup
	taken := make(chan bool, 6)
	for n := range cap(taken) {
		one := *y
		if n%2 == 1 {
			one.handler = second.handler
		}
		fight.Go(func() {
			method, path := "POST", "/devices/posture"
			if n == 0 {
				method, path = "PUT", path+"/"+text(moving, "id")
			}
			r := one.do(method, path, ruleBody(i))
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
	if err := y.api.store.Fresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	integration := must(proto.ParseID(i))
	if n := len(y.api.store.Catalog.Checks(y.account, integration)); n != proto.MaxChecks-1+won {
		t.Errorf("%d rules", n)
	}
	if got := y.do("GET", "/devices/posture/"+text(moving, "id"), nil); got.Status != 200 {
		t.Errorf("the rule that was to move is gone: %s", got.Body)
	}
	// A full integration's rules can still be changed.
	y.want(200, "PUT", "/devices/posture/"+text(last, "id"), ruleBody(i))
}
