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

// kinds returns every kind, and applications that have policies of their own and these policies. ids has the ids of
// resources by the part of a path before them.
func kinds(ids map[string]string) []apitest.Kind {
	own := func(_ *apitest.Fixture, ids map[string]string, name string) map[string]any {
		return apitest.PolicyBody(name, ids["service_tokens"])
	}
	return append(apitest.Kinds(),
		apitest.Kind{Name: "policy of an application", Path: "/access/apps/" + ids["apps"] + "/policies", Method: "PUT",
			Body: own},
		apitest.Kind{Name: "application with policies of its own", Path: "/access/apps", Method: "PUT",
			Body: func(f *apitest.Fixture, ids map[string]string, name string) map[string]any {
				return map[string]any{"name": name, "domain": name + ".own.example.com/x",
					"policies": []any{own(f, ids, "own")}}
			}})
}

func exercise(f *apitest.Fixture, k apitest.Kind, ids map[string]string, n int) {
	f.T.Helper()
	name := fmt.Sprint("n", n)
	one, view := k.Create(f, ids, name)
	if got := f.Want(200, "GET", one, nil); got["name"] != view["name"] {
		f.T.Fatalf("made %v, then %v", view, got)
	}
	if !slices.Contains(listIDs(f, k), k.IDOf(view)) {
		f.T.Fatal("it was made and is not listed")
	}
	changed := k.Change(f, ids, "another", name)
	changedView := f.Want(200, k.Method, one, changed)
	if got := f.Want(200, "GET", one, nil); apitest.JSON(f.T, got) != apitest.JSON(f.T, changedView) ||
		changed["name"] != nil && got["name"] != changed["name"] {
		f.T.Fatalf("changed to %v, then %v", changedView, got)
	}
	if r := f.Do("DELETE", one, nil); r.Status/100 != 2 {
		f.T.Fatalf("DELETE %s: %d %s", one, r.Status, r.Body)
	}
	if n%2 == 0 { // in every second round the list comes right after the deletion
		if r := f.Do("GET", one, nil); r.Status != http.StatusNotFound {
			f.T.Fatalf("deleted, then %d", r.Status)
		}
	}
	if slices.Contains(listIDs(f, k), k.IDOf(view)) {
		f.T.Fatal("it was deleted and is listed")
	}
}

func listIDs(f *apitest.Fixture, k apitest.Kind) (ids []string) {
	f.T.Helper()
	var all []map[string]any
	r := f.Do("GET", k.Path, nil)
	if err := json.Unmarshal(r.Result, &all); err != nil || r.Status != http.StatusOK {
		f.T.Fatalf("GET %s: %d %s", k.Path, r.Status, r.Body)
	}
	for _, one := range all {
		ids = append(ids, k.IDOf(one))
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
	ids := f.CreateKinds(0)
	for _, k := range kinds(ids) {
		t.Run(k.Name, func(t *testing.T) {
			mine := f.In(t)
			for n := range 25 {
				exercise(mine, k, ids, n+1)
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
