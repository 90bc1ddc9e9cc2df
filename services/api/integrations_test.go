package api

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

func with(body map[string]any, change func(body, config map[string]any)) map[string]any {
	config := body["config"].(map[string]any)
	change(body, config)
	return body
}

func ptr[T any](v T) *T { return &v }

// Whichever of two replicas a client asks, it sees what it wrote.
func TestAClientSeesItsOwnWritesAtEveryReplica(t *testing.T) {
	y := start(t)
	replicas := []*Service{y.api, y.replica()}
	turn := 0
	next := func() { turn++; y.handler = replicas[turn%2].handler }
	for range 20 {
		next()
		token := y.want(201, "POST", "/access/service_tokens", map[string]any{"name": "t"})
		next()
		y.want(200, "GET", "/access/service_tokens/"+text(token, "id"), nil)
		i := y.want(200, "POST", "/devices/posture/integration", integrationBody())
		next()
		rule := y.want(200, "POST", "/devices/posture", ruleBody(i["id"]))
		next()
		if r := y.do("GET", "/devices/posture", nil); !strings.Contains(string(r.Result), text(rule, "id")) {
			t.Fatal("a rule is missing in the list")
		}
		y.want(200, "DELETE", "/devices/posture/"+text(rule, "id"), nil)
		next()
		y.refused(404, v4.CodeUnknownRule, "GET", "/devices/posture/"+text(rule, "id"), nil)
		app := y.want(201, "POST", "/access/apps", map[string]any{"domain": text(i, "id") + ".example.com", "policies": []any{policyBody("p", text(token, "id"))}})
		next()
		if got := y.want(200, "GET", "/access/apps/"+text(app, "id"), nil); len(got["policies"].([]any)) != 1 {
			t.Fatalf("policies %v", got["policies"])
		}
	}
}

func TestIfMatch(t *testing.T) {
	y := start(t)
	made := y.want(200, "POST", "/devices/posture/integration", integrationBody())
	rule := y.do("POST", "/devices/posture", ruleBody(made["id"]))
	var r struct{ ID string }
	if err := json.Unmarshal(rule.Result, &r); err != nil {
		t.Fatal(err)
	}
	put := func(tag string) response {
		req := y.request("PUT", y.path("/devices/posture/"+r.ID), ruleBody(made["id"]))
		req.Header.Set("If-Match", tag)
		return y.raw(req)
	}
	first := rule.Header.Get("ETag")
	second := put(first)
	if second.Status != 200 || first == "" || second.Header.Get("ETag") == first {
		t.Fatalf("%d %s, tags %q %q", second.Status, second.Body, first, second.Header.Get("ETag"))
	}
	if again := put(first); again.Status != 412 || again.Errors[0].Code != v4.CodePrecondition {
		t.Errorf("an old tag: %d %s", again.Status, again.Body)
	}
	if again := put(first + ", " + second.Header.Get("ETag")); again.Status != 200 {
		t.Errorf("a list of tags: %d %s", again.Status, again.Body)
	}
}

// A write that loses a race tells the client so, and not to go on trying.
func TestALostRaceIsToldOnce(t *testing.T) {
	y := start(t)
	made := y.want(200, "POST", "/devices/posture/integration", integrationBody())
	rule := y.want(200, "POST", "/devices/posture", ruleBody(made["id"]))
	id := must(proto.ParseID(text(rule, "id")))
	record, _ := y.api.store.Catalog.Check(y.account, id)
	y.handler = y.api.newHandler([]v4.Route{{Method: "GET", Path: v4.AccountPath + "/lost", Handle: func(ctx context.Context, c *v4.Call) (v4.Response, error) {
		_, err := y.api.store.Put(ctx, c.Account, topology.KindCheck, id, record.Value, store.Prior{Record: record.Value, Revision: record.Revision + 100})
		return v4.OK(nil), err
	}}})
	if r := y.do("GET", "/lost", nil); r.Status != 409 || r.Errors[0].Code != v4.CodeConflict || r.Header.Get("X-Should-Retry") != "false" {
		t.Errorf("%d %s %v", r.Status, r.Body, r.Header)
	}
}
