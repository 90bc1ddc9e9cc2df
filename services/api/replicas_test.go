package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
)

// inTurn sends each request to another replica than the one before.
func (y *system) inTurn(replicas ...*Service) {
	n := 0
	y.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n++
		replicas[n%len(replicas)].handler.ServeHTTP(w, r)
	})
}

// lived is a kind of resource as a client makes, reads, changes and deletes it.
type lived struct {
	path    string
	id      string // the member of the answer that the path has
	body    func(n int) map[string]any
	change  string // method; none: there is no change
	changed map[string]any
}

func (y *system) lives(app, token, integration string) map[string]lived {
	named := func(body map[string]any) func(int) map[string]any {
		return func(n int) map[string]any { return plus(body, map[string]any{"name": fmt.Sprint("n", n)}) }
	}
	other := map[string]any{"name": "another"}
	return map[string]lived{
		"application": {path: "/access/apps", id: "id", change: "PUT", changed: map[string]any{"name": "another", "domain": "another.example.com"},
			body: func(n int) map[string]any {
				return map[string]any{"name": fmt.Sprint("n", n), "domain": fmt.Sprintf("h%d.example.com/x", n), "policies": []any{policyBody("own", token)}}
			}},
		"reusable policy":          {path: "/access/policies", id: "id", change: "PUT", changed: policyBody("another", token), body: named(policyBody("", token))},
		"policy of an application": {path: "/access/apps/" + app + "/policies", id: "id", change: "PUT", changed: policyBody("another", token), body: named(policyBody("", token))},
		"group":                    {path: "/access/groups", id: "id", change: "PUT", changed: groupBody("another"), body: named(groupBody(""))},
		"identity provider":        {path: "/access/identity_providers", id: "id", change: "PUT", changed: plus(oidcBody(), other), body: named(oidcBody())},
		"tag":                      {path: "/access/tags", id: "name", body: named(map[string]any{})},
		"service token":            {path: "/access/service_tokens", id: "id", change: "PUT", changed: other, body: named(map[string]any{})},
		"integration":              {path: "/devices/posture/integration", id: "id", change: "PATCH", changed: other, body: named(integrationBody())},
		"check":                    {path: "/devices/posture", id: "id", change: "PUT", changed: plus(ruleBody(integration), other), body: named(ruleBody(integration))},
		"API token":                {path: "/tokens", id: "id", change: "PUT", changed: other, body: named(y.tokenBody("", readApps))},
	}
}

// Two replicas behind a round robin show a client its own writes: each request goes to the replica that did not
// see the one before.
func TestEveryResourceIsAsItWasLeftAtEveryReplica(t *testing.T) {
	y := start(t)
	second := y.replica()
	y.inTurn(y.api, second)
	app := text(y.want(201, "POST", "/access/apps", map[string]any{"domain": "a.example.com"}), "id")
	token := text(y.want(201, "POST", "/access/service_tokens", map[string]any{"name": "t"}), "id")
	integration := text(y.want(200, "POST", "/devices/posture/integration", integrationBody()), "id")
	for name, l := range y.lives(app, token, integration) {
		t.Run(name, func(t *testing.T) {
			mine := *y
			mine.t = t
			for n := range 25 {
				mine.live(l, n)
			}
		})
	}
	t.Run("organisation", func(t *testing.T) {
		for n := range 25 {
			name := fmt.Sprint("o", n)
			y.do("PUT", "/access/organizations", map[string]any{"name": name})
			if got := y.want(200, "GET", "/access/organizations", nil); got["name"] != name {
				t.Fatalf("%v, wanted %s", got, name)
			}
		}
	})
}

func (y *system) live(l lived, n int) {
	y.t.Helper()
	made := y.do("POST", l.path, l.body(n))
	if made.Status/100 != 2 {
		y.t.Fatalf("POST %s: %d %s", l.path, made.Status, made.Body)
	}
	var view map[string]any
	if err := json.Unmarshal(made.Result, &view); err != nil {
		y.t.Fatal(err)
	}
	one := l.path + "/" + text(view, l.id)
	if got := y.want(200, "GET", one, nil); got["name"] != view["name"] {
		y.t.Fatalf("made %v, then %v", view, got)
	}
	if !slices.Contains(y.listed(l), text(view, l.id)) {
		y.t.Fatal("it was made and is not listed")
	}
	if l.change != "" {
		y.want(200, l.change, one, l.changed)
		if got := y.want(200, "GET", one, nil); got["name"] != l.changed["name"] {
			y.t.Fatalf("changed to %v, then %v", l.changed["name"], got)
		}
	}
	if r := y.do("DELETE", one, nil); r.Status/100 != 2 {
		y.t.Fatalf("DELETE %s: %d %s", one, r.Status, r.Body)
	}
	if n%2 == 0 { // so that in every second round the list comes right after
		if r := y.do("GET", one, nil); r.Status != http.StatusNotFound {
			y.t.Fatalf("deleted, then %d", r.Status)
		}
	}
	if slices.Contains(y.listed(l), text(view, l.id)) {
		y.t.Fatal("it was deleted and is listed")
	}
}

func (y *system) listed(l lived) (ids []string) {
	y.t.Helper()
	var all []map[string]any
	r := y.do("GET", l.path, nil)
	if err := json.Unmarshal(r.Result, &all); err != nil || r.Status != http.StatusOK {
		y.t.Fatalf("GET %s: %d %s", l.path, r.Status, r.Body)
	}
	for _, one := range all {
		ids = append(ids, text(one, l.id))
	}
	return ids
}
