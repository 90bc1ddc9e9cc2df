package api

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/access"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/catalog"
)

// atOnce makes requests at the same moment, in turn at each of the replicas, and counts the statuses.
func (y *system) atOnce(replicas []*Service, n int, request func(n int) *http.Request) map[int]int {
	y.t.Helper()
	var all sync.WaitGroup
	statuses := make([]int, n)
	begin := make(chan struct{})
	for i := range n {
		req := request(i)
		all.Go(func() {
			<-begin
			statuses[i] = statusOf(replicas[i%len(replicas)].handler, req)
		})
	}
	close(begin)
	all.Wait()
	counts := map[int]int{}
	for _, status := range statuses {
		counts[status]++
	}
	return counts
}

// Of those who want one destination at the same moment, at two replicas, one has it.
func TestADestinationHasOneApplication(t *testing.T) {
	y := start(t)
	replicas := []*Service{y.api, y.replica()}
	const n = 12
	for round := range 4 {
		uri := fmt.Sprintf("round%d.example.com/path", round)
		got := y.atOnce(replicas, n, func(i int) *http.Request {
			// The same place, in other words: the form decides, and no other destination stands in the way.
			body := map[string]any{"name": fmt.Sprint("a", i), "self_hosted_domains": []string{fmt.Sprintf("own%d-%d.example.com", round, i), uri}}
			return y.request("POST", y.path("/access/apps"), body)
		})
		if got[201] != 1 || got[409] != n-1 {
			t.Fatalf("statuses %v", got)
		}
		// And of those who move there.
		ids := make([]string, n)
		for i := range ids {
			ids[i] = text(y.want(201, "POST", "/access/apps", map[string]any{"domain": fmt.Sprintf("from%d-%d.example.com", round, i)}), "id")
		}
		got = y.atOnce(replicas, n, func(i int) *http.Request {
			return y.request("PUT", y.path("/access/apps/"+ids[i]), map[string]any{"domain": "to-" + uri})
		})
		if got[200] != 1 || got[409] != n-1 {
			t.Fatalf("statuses %v", got)
		}
	}
	holders := map[string]int{}
	for _, app := range y.applications() {
		for _, d := range access.CanonicalDestinations(app.Value) {
			if holders[d]++; holders[d] > 1 {
				t.Errorf("%s has %d applications", d, holders[d])
			}
		}
	}
}

func (y *system) applications() []catalog.Record[proto.Application] {
	y.t.Helper()
	if err := y.api.store.Fresh(y.t.Context()); err != nil {
		y.t.Fatal(err)
	}
	return y.api.store.Catalog.Applications(y.account)
}

// A destination that is free again can be had again: a claim that is left over is in nobody's way.
func TestADestinationCanBeHadAgain(t *testing.T) {
	y := start(t)
	body := map[string]any{"domain": "a.example.com"}
	for range 3 {
		app := y.want(201, "POST", "/access/apps", body)
		y.refused(409, v4.CodeApplicationExists, "POST", "/access/apps", body)
		y.want(200, "PUT", "/access/apps/"+text(app, "id"), map[string]any{"domain": "b.example.com"})
		other := y.want(201, "POST", "/access/apps", body)
		y.want(202, "DELETE", "/access/apps/"+text(other, "id"), nil)
		y.want(202, "DELETE", "/access/apps/"+text(app, "id"), nil)
	}
}

// An application with its policies is there whole or not at all.
func TestAnApplicationIsWholeOrNotThere(t *testing.T) {
	y := start(t)
	inline := func(n int) any {
		return map[string]any{"name": fmt.Sprint("p", n), "decision": "bypass", "include": []any{map[string]any{"everyone": map[string]any{}}}}
	}
	y.want(201, "POST", "/access/apps", map[string]any{"domain": "a.example.com", "policies": []any{inline(1)}})
	y.refused(409, v4.CodeApplicationExists, "POST", "/access/apps", map[string]any{"domain": "a.example.com", "policies": []any{inline(2)}})
	var many []string
	for n := range 1200 {
		many = append(many, fmt.Sprintf("h%d.example.com", n))
	}
	y.refused(400, v4.CodeInvalid, "POST", "/access/apps", map[string]any{"self_hosted_domains": many, "policies": []any{inline(3)}})
	if n := len(y.api.store.Catalog.AllPolicies()); n != 1 {
		t.Errorf("%d policies, of one application", n)
	}
}

// There is one identity provider with one-time PINs, whoever makes it.
func TestThereIsOneProviderOfPINs(t *testing.T) {
	y := start(t)
	replicas := []*Service{y.api, y.replica()}
	body := map[string]any{"name": "pin", "type": "onetimepin", "config": map[string]any{}}
	got := y.atOnce(replicas, 8, func(int) *http.Request { return y.request("POST", y.path("/access/identity_providers"), body) })
	if got[201] != 1 || got[409] != 7 {
		t.Fatalf("statuses %v", got)
	}
}

// A tag has one name at a time, and no other tag has it.
func TestATagIsRenamedWholeOrNotAtAll(t *testing.T) {
	y := start(t)
	replicas := []*Service{y.api, y.replica()}
	const n = 8
	for i := range n {
		y.want(201, "POST", "/access/tags", map[string]any{"name": fmt.Sprint("t", i)})
	}
	got := y.atOnce(replicas, n, func(i int) *http.Request {
		return y.request("PUT", y.path(fmt.Sprint("/access/tags/t", i)), map[string]any{"name": "one"})
	})
	if got[200] != 1 || got[409] != n-1 {
		t.Fatalf("statuses %v", got)
	}
	if tags := y.do("GET", "/access/tags", nil); tags.ResultInfo["total_count"] != float64(n) {
		t.Errorf("%v tags", tags.ResultInfo)
	}
}

func statusOf(h http.Handler, r *http.Request) int {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}
