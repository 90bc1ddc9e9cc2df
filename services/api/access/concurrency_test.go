package access_test

import (
	"fmt"
	"net/http"
	"testing"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api"
	"plumbline.dev/services/api/access"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
)

// TestConcurrentRequestsForADestination checks that one of many concurrent requests for a destination, at two replicas,
// gets it.
func TestConcurrentRequestsForADestination(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	replicas := []*api.Service{f.API, f.Replica()}
	const n = 12
	for round := range 4 {
		uri := fmt.Sprintf("round%d.example.com/path", round)
		got := f.AtOnce(replicas, n, func(i int) *http.Request {
			// Each has a destination of its own beside the one that all want.
			body := map[string]any{"name": fmt.Sprint("a", i),
				"self_hosted_domains": []string{fmt.Sprintf("own%d-%d.example.com", round, i), uri}}
			return f.Request("POST", f.Path("/access/apps"), body)
		})
		if got[201] != 1 || got[409] != n-1 {
			t.Fatalf("statuses %v", got)
		}
		// Likewise for concurrent moves to it.
		ids := make([]string, n)
		for i := range ids {
			ids[i] = apitest.Text(f.Want(201, "POST", "/access/apps",
				map[string]any{"domain": fmt.Sprintf("from%d-%d.example.com", round, i)}), "id")
		}
		got = f.AtOnce(replicas, n, func(i int) *http.Request {
			return f.Request("PUT", f.Path("/access/apps/"+ids[i]), map[string]any{"domain": "to-" + uri})
		})
		if got[200] != 1 || got[409] != n-1 {
			t.Fatalf("statuses %v", got)
		}
	}
	holders := map[string]int{}
	for _, key := range f.ConfigKeys(topology.KindApplication) {
		var app proto.Application
		if _, err := f.Conn.Get(t.Context(), topology.Config, key, &app); err != nil {
			t.Fatal(err)
		}
		for _, d := range access.CanonicalDestinations(&app) {
			if holders[d]++; holders[d] > 1 {
				t.Errorf("%s has %d applications", d, holders[d])
			}
		}
	}
}

// TestDestinationsAreReusable checks that a destination that is free again can be taken: a reservation left over does
// not matter.
func TestDestinationsAreReusable(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	body := map[string]any{"domain": "a.example.com"}
	for range 3 {
		app := f.Want(201, "POST", "/access/apps", body)
		f.WantError(409, v4.CodeApplicationExists, "POST", "/access/apps", body)
		f.Want(200, "PUT", "/access/apps/"+apitest.Text(app, "id"), map[string]any{"domain": "b.example.com"})
		other := f.Want(201, "POST", "/access/apps", body)
		f.Want(202, "DELETE", "/access/apps/"+apitest.Text(other, "id"), nil)
		f.Want(202, "DELETE", "/access/apps/"+apitest.Text(app, "id"), nil)
	}
}

// TestApplicationsAreStoredWithTheirPolicies checks that an application and its policies are stored together or not at
// all.
func TestApplicationsAreStoredWithTheirPolicies(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	inline := func(n int) any {
		return map[string]any{"name": fmt.Sprint("p", n), "decision": "bypass", "include": []any{apitest.Everyone()}}
	}
	f.Want(201, "POST", "/access/apps", map[string]any{"domain": "a.example.com", "policies": []any{inline(1)}})
	f.WantError(409, v4.CodeApplicationExists, "POST", "/access/apps",
		map[string]any{"domain": "a.example.com", "policies": []any{inline(2)}})
	var many []string
	for n := range 1200 {
		many = append(many, fmt.Sprintf("h%d.example.com", n))
	}
	f.WantError(400, v4.CodeInvalid, "POST", "/access/apps",
		map[string]any{"self_hosted_domains": many, "policies": []any{inline(3)}})
	if n := len(f.ConfigKeys(topology.KindPolicy)); n != 1 {
		t.Errorf("%d policies, of one application", n)
	}
}
