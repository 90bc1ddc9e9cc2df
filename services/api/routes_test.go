package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/v4"
)

// concrete fills in the variable parts of a route's path. The path names nothing that exists.
func concrete(f *apitest.Fixture, path string) string {
	path = strings.ReplaceAll(path, "{account}", f.Account.String())
	path = strings.ReplaceAll(path, "{zone}", strings.Repeat("5", 32))
	for strings.Contains(path, "{") {
		from, to := strings.IndexByte(path, '{'), strings.IndexByte(path, '}')
		path = path[:from] + "none" + path[to+1:]
	}
	return path
}

// TestPermissionOfEveryRoute checks that each route names the permission it requires, that it is denied to tokens with
// every other permission and allowed to tokens with only that one, and that tokens that may only read change nothing.
func TestPermissionOfEveryRoute(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	readers := f.StoreToken(nil, apitest.GroupIDs(func(g permission.Group) bool { return !g.Edit })...)
	nothing := f.StoreToken(func(t *proto.APIToken) { t.Policies = nil })
	with := func(of func(permission.Group) bool) string { return f.StoreToken(nil, apitest.GroupIDs(of)...) }
	sent := func() (all [2]uint64) {
		for n, bucket := range []string{topology.Config, topology.Tokens} {
			at, err := f.Conn.Position(t.Context(), topology.BucketStream(bucket))
			if err != nil {
				t.Fatal(err)
			}
			all[n] = at.Last
		}
		return all
	}
	all := f.API.Routes()
	var paths []string
	for _, r := range all {
		if r.Scope == "" || r.Scope != permission.Own && permission.GroupsFor(r.PermissionFor(r.Method)) == "" {
			t.Errorf("%s %s names nothing that a token could be allowed: of %q", r.Method, r.Path, r.Scope)
			continue
		}
		paths = append(paths, r.Method+" "+r.Path)
		of := []string{concrete(f, r.Path)}
		if r.Zones {
			of = append(of, concrete(f, v4.ZonePath+strings.TrimPrefix(r.Path, v4.AccountPath)))
		}
		n := r.PermissionFor(r.Method)
		lacking, having := with(func(g permission.Group) bool {
			return !g.Satisfies(n)
		}), with(func(g permission.Group) bool { return g.Permission == n || slices.Contains(r.Also, g.Permission) })
		for _, path := range of {
			if r.Stream != nil && r.Method == http.MethodGet {
				path += "?outcome=none" // an invalid query: an allowed stream would never end
			}
			refused := func(token string) bool {
				status, body := f.Status(token, r.Method, path)
				return status == 403 && strings.Contains(body, fmt.Sprint(v4.CodeUnauthorized))
			}
			if own := r.Scope == permission.Own; refused(lacking) == own || refused(nothing) == own {
				t.Errorf("%s %s: without the permission, refused: %t", r.Method, path, !own)
			}
			for _, also := range r.Also {
				if !refused(with(func(g permission.Group) bool { return !g.Satisfies(also) })) {
					t.Errorf("%s %s is open to who lacks %v", r.Method, path, also)
				}
			}
			if refused(having) {
				t.Errorf("%s %s is refused to who has the permission", r.Method, path)
			}
			if n.Edit && !refused(readers) {
				t.Errorf("%s %s is open to who may only read", r.Method, path)
			}
		}
	}
	if len(paths) < 70 {
		t.Errorf("only %d routes were walked", len(paths))
	}
	slices.Sort(paths)
	if n := len(slices.Compact(paths)); n != len(all) {
		t.Errorf("%d routes, %d different ones", len(all), n)
	}
	// The requests so far stored tokens and their uses. Once those are stored, readers change nothing.
	before := sent()
	for _, r := range all {
		if r.Method != http.MethodGet {
			f.Status(readers, r.Method, concrete(f, r.Path))
		}
	}
	if after := sent(); after[0] != before[0] {
		t.Errorf("who may only read stored configuration: %v, then %v", before, after)
	}
}

func TestRoutesWithTextMessages(t *testing.T) {
	t.Parallel()
	// Cloudflare's SDK for Go v0 reads the messages about these as strings.
	named := []string{"/access/apps", "/access/groups", "/access/policies", "/access/service_tokens"}
	seen := map[string]bool{}
	for _, r := range v4.WithZones(apitest.Start(t).API.Routes()) {
		_, path, _ := strings.Cut(r.Key(), " ")
		of := slices.IndexFunc(named, func(p string) bool { return path == p || strings.HasPrefix(path, p+"/") })
		if of >= 0 {
			seen[named[of]] = true
		}
		// The checks of users are not in that SDK, and never have a message.
		if want := of >= 0 && !strings.HasSuffix(path, "/user_policy_checks"); r.TextMessages != want {
			t.Errorf("%s %s: %v", r.Method, r.Path, r.TextMessages)
		}
	}
	if len(seen) != len(named) {
		t.Errorf("only %v have routes", seen)
	}
}
