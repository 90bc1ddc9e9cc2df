package store_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"plumbline.dev/services/api"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
)

// inTurn sends each request to another replica than the one before.
func inTurn(f *apitest.Fixture, replicas ...*api.Service) {
	n := 0
	f.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n++
		replicas[n%len(replicas)].Handler().ServeHTTP(w, r)
	})
}

// kind is a kind of resource as a client creates, reads, changes and deletes it.
type kind struct {
	path    string
	id      string // member of the response that is part of the path
	body    func(n int) map[string]any
	change  string // method of a change; empty: there is none
	changed map[string]any
}

func kinds(f *apitest.Fixture, app, token, integration string) map[string]kind {
	named := func(body map[string]any) func(int) map[string]any {
		return func(n int) map[string]any { return apitest.Plus(body, map[string]any{"name": fmt.Sprint("n", n)}) }
	}
	other := map[string]any{"name": "another"}
	return map[string]kind{
		"application": {path: "/access/apps", id: "id", change: "PUT",
			changed: map[string]any{"name": "another", "domain": "another.example.com"},
			body: func(n int) map[string]any {
				return map[string]any{"name": fmt.Sprint("n", n), "domain": fmt.Sprintf("h%d.example.com/x", n),
					"policies": []any{apitest.PolicyBody("own", token)}}
			}},
		"reusable policy": {path: "/access/policies", id: "id", change: "PUT",
			changed: apitest.PolicyBody("another", token), body: named(apitest.PolicyBody("", token))},
		"policy of an application": {path: "/access/apps/" + app + "/policies", id: "id", change: "PUT",
			changed: apitest.PolicyBody("another", token), body: named(apitest.PolicyBody("", token))},
		"group": {path: "/access/groups", id: "id", change: "PUT", changed: apitest.GroupBody("another"),
			body: named(apitest.GroupBody(""))},
		"identity provider": {path: "/access/identity_providers", id: "id", change: "PUT",
			changed: apitest.Plus(apitest.ProviderBody(), other), body: named(apitest.ProviderBody())},
		"tag": {path: "/access/tags", id: "name", body: named(map[string]any{})},
		"service token": {path: "/access/service_tokens", id: "id", change: "PUT", changed: other,
			body: named(map[string]any{})},
		"integration": {path: "/devices/posture/integration", id: "id", change: "PATCH", changed: other,
			body: named(apitest.IntegrationBody())},
		"check": {path: "/devices/posture", id: "id", change: "PUT",
			changed: apitest.Plus(apitest.CheckBody(integration), other), body: named(apitest.CheckBody(integration))},
		"API token": {path: "/tokens", id: "id", change: "PUT", changed: other,
			body: named(f.TokenBody("", apitest.ReadApps))},
	}
}

func exercise(f *apitest.Fixture, k kind, n int) {
	f.T.Helper()
	made := f.Do("POST", k.path, k.body(n))
	if made.Status/100 != 2 {
		f.T.Fatalf("POST %s: %d %s", k.path, made.Status, made.Body)
	}
	var view map[string]any
	if err := json.Unmarshal(made.Result, &view); err != nil {
		f.T.Fatal(err)
	}
	one := k.path + "/" + apitest.Text(view, k.id)
	if got := f.Want(200, "GET", one, nil); got["name"] != view["name"] {
		f.T.Fatalf("made %v, then %v", view, got)
	}
	if !slices.Contains(listIDs(f, k), apitest.Text(view, k.id)) {
		f.T.Fatal("it was made and is not listed")
	}
	if k.change != "" {
		f.Want(200, k.change, one, k.changed)
		if got := f.Want(200, "GET", one, nil); got["name"] != k.changed["name"] {
			f.T.Fatalf("changed to %v, then %v", k.changed["name"], got)
		}
	}
	if r := f.Do("DELETE", one, nil); r.Status/100 != 2 {
		f.T.Fatalf("DELETE %s: %d %s", one, r.Status, r.Body)
	}
	if n%2 == 0 { // in every second round the list comes right after the deletion
		if r := f.Do("GET", one, nil); r.Status != http.StatusNotFound {
			f.T.Fatalf("deleted, then %d", r.Status)
		}
	}
	if slices.Contains(listIDs(f, k), apitest.Text(view, k.id)) {
		f.T.Fatal("it was deleted and is listed")
	}
}

func listIDs(f *apitest.Fixture, k kind) (ids []string) {
	f.T.Helper()
	var all []map[string]any
	r := f.Do("GET", k.path, nil)
	if err := json.Unmarshal(r.Result, &all); err != nil || r.Status != http.StatusOK {
		f.T.Fatalf("GET %s: %d %s", k.path, r.Status, r.Body)
	}
	for _, one := range all {
		ids = append(ids, apitest.Text(one, k.id))
	}
	return ids
}

// TestReadYourWritesOfEveryKind checks that a client behind a load balancer sees its own changes: each request goes to
// the replica that did not get the one before.
func TestReadYourWritesOfEveryKind(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	second := f.Replica()
	inTurn(f, f.API, second)
	app := apitest.Text(f.Want(201, "POST", "/access/apps", map[string]any{"domain": "a.example.com"}), "id")
	token := apitest.Text(f.Want(201, "POST", "/access/service_tokens", map[string]any{"name": "t"}), "id")
	integration := apitest.Text(f.Want(200, "POST", "/devices/posture/integration", apitest.IntegrationBody()), "id")
	for name, k := range kinds(f, app, token, integration) {
		t.Run(name, func(t *testing.T) {
			mine := f.In(t)
			for n := range 25 {
				exercise(mine, k, n)
			}
		})
	}
	t.Run("organisation", func(t *testing.T) {
		for n := range 25 {
			name := fmt.Sprint("o", n)
			f.Do("PUT", "/access/organizations", map[string]any{"name": name})
			if got := f.Want(200, "GET", "/access/organizations", nil); got["name"] != name {
				t.Fatalf("%v, want %s", got, name)
			}
		}
	})
}

// TestReadYourWrites checks that a client that changes resources which refer to each other sees its changes at both of
// two replicas.
func TestReadYourWrites(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	replicas := []*api.Service{f.API, f.Replica()}
	turn := 0
	next := func() { turn++; f.Handler = replicas[turn%2].Handler() }
	for range 20 {
		next()
		token := f.Want(201, "POST", "/access/service_tokens", map[string]any{"name": "t"})
		next()
		f.Want(200, "GET", "/access/service_tokens/"+apitest.Text(token, "id"), nil)
		i := f.Want(200, "POST", "/devices/posture/integration", apitest.IntegrationBody())
		next()
		rule := f.Want(200, "POST", "/devices/posture", apitest.CheckBody(i["id"]))
		next()
		if r := f.Do("GET", "/devices/posture", nil); !strings.Contains(string(r.Result), apitest.Text(rule, "id")) {
			t.Fatal("a rule is missing in the list")
		}
		f.Want(200, "DELETE", "/devices/posture/"+apitest.Text(rule, "id"), nil)
		next()
		f.WantError(404, v4.CodeUnknownRule, "GET", "/devices/posture/"+apitest.Text(rule, "id"), nil)
		app := f.Want(201, "POST", "/access/apps",
			map[string]any{"domain": apitest.Text(i, "id") + ".example.com",
				"policies": []any{apitest.PolicyBody("p", apitest.Text(token, "id"))}})
		next()
		if got := f.Want(200, "GET", "/access/apps/"+apitest.Text(app, "id"), nil); len(got["policies"].([]any)) != 1 {
			t.Fatalf("policies %v", got["policies"])
		}
	}
}
