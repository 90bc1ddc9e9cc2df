package api

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitoken"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/credential"
)

// token stores an API token with groups of permissions and gives its value.
func (y *system) token(change func(*proto.APIToken), groups ...string) string {
	y.t.Helper()
	value := credential.NewAPIToken()
	t := proto.APIToken{ID: proto.NewID(), Name: "made", SecretHash: credential.Hash(value), CreatedAt: proto.At(y.clock.Now()),
		Policies: []proto.TokenPolicy{{ID: proto.NewID(), Groups: groups}}}
	if change != nil {
		change(&t)
	}
	if _, err := y.conn.Put(y.t.Context(), topology.Tokens, topology.APITokenKey(y.account, t.SecretHash), &t, 0); err != nil {
		y.t.Fatal(err)
	}
	return value
}

// as makes a request with another token; path is under the account.
func (y *system) as(token, method, path string, body any) response {
	y.t.Helper()
	req := y.request(method, y.path(path), body)
	req.Header.Set("Authorization", "Bearer "+token)
	return y.raw(req)
}

func groupsOf(of func(permission.Group) bool) []string {
	var ids []string
	for _, g := range permission.Groups {
		if of(g) {
			ids = append(ids, g.ID)
		}
	}
	return ids
}

// concrete fills the variable parts of a route's path, so that it names nothing that is there.
func (y *system) concrete(path string) string {
	path = strings.ReplaceAll(path, "{account}", y.account.String())
	path = strings.ReplaceAll(path, "{zone}", strings.Repeat("5", 32))
	for strings.Contains(path, "{") {
		from, to := strings.IndexByte(path, '{'), strings.IndexByte(path, '}')
		path = path[:from] + "none" + path[to+1:]
	}
	return path
}

// status makes a request as a token, and gives the status and the first error's code.
func (y *system) status(token, method, path string) (int, string) {
	y.t.Helper()
	req := y.request(method, path, "{}")
	req.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	y.handler.ServeHTTP(w, req)
	return w.Code, w.Body.String()
}

// Each route, walked: it names what it needs; whoever has all but that is refused, whoever has nothing but that
// is not; and who may only read changes nothing anywhere.
func TestEveryRouteDemandsItsPermission(t *testing.T) {
	y := start(t)
	readers := y.token(nil, groupsOf(func(g permission.Group) bool { return !g.Edit })...)
	nothing := y.token(func(t *proto.APIToken) { t.Policies = nil })
	with := func(of func(permission.Group) bool) string { return y.token(nil, groupsOf(of)...) }
	sent := func() (all [2]uint64) {
		for n, bucket := range []string{topology.Config, topology.Tokens} {
			at, err := y.conn.Position(t.Context(), topology.BucketStream(bucket))
			if err != nil {
				t.Fatal(err)
			}
			all[n] = at.Last
		}
		return all
	}
	all := y.api.routes()
	var paths []string
	for _, r := range all {
		if r.Scope == "" || r.Scope != permission.Own && permission.GroupsFor(r.PermissionFor(r.Method)) == "" {
			t.Errorf("%s %s names nothing that a token could be allowed: of %q", r.Method, r.Path, r.Scope)
			continue
		}
		paths = append(paths, r.Method+" "+r.Path)
		of := []string{y.concrete(r.Path)}
		if r.Zones {
			of = append(of, y.concrete(v4.ZonePath+strings.TrimPrefix(r.Path, v4.AccountPath)))
		}
		n := r.PermissionFor(r.Method)
		lacking, having := with(func(g permission.Group) bool { return !g.Satisfies(n) }), with(func(g permission.Group) bool { return g.Permission == n })
		for _, path := range of {
			if r.Stream != nil && r.Method == http.MethodGet {
				path += "?outcome=none" // refused once it is let in: it would go on for ever
			}
			refused := func(token string) bool {
				status, body := y.status(token, r.Method, path)
				return status == 403 && strings.Contains(body, fmt.Sprint(v4.CodeUnauthorized))
			}
			if own := r.Scope == permission.Own; refused(lacking) == own || refused(nothing) == own {
				t.Errorf("%s %s: without the permission, refused: %t", r.Method, path, !own)
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
	// What the walk itself stored are tokens and their uses; once those are stored, readers change nothing.
	before := sent()
	for _, r := range all {
		if r.Method != http.MethodGet {
			y.status(readers, r.Method, y.concrete(r.Path))
		}
	}
	if after := sent(); after[0] != before[0] {
		t.Errorf("who may only read stored configuration: %v, then %v", before, after)
	}
}

func TestTheListOfPermissionsIsSound(t *testing.T) {
	seen := map[string]bool{}
	for _, g := range permission.Groups {
		if _, err := proto.ParseAccount(g.ID); err != nil || seen[g.ID] || seen[g.Name+fmt.Sprint(g.ForZone)] {
			t.Errorf("%+v", g)
		}
		seen[g.ID], seen[g.Name+fmt.Sprint(g.ForZone)] = true, true
		if g.Edit != strings.HasSuffix(g.Name, " Write") || !g.Edit && !strings.HasSuffix(g.Name, " Read") {
			t.Errorf("%s: edit is %t", g.Name, g.Edit)
		}
	}
}

var (
	someZones = []proto.Account{{}, {1}, {2}}
	someRange = []string{"10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "0.0.0.0/0", "2001:db8::/32"}
)

func drawToken(t *rapid.T, name string) *proto.APIToken {
	policy := rapid.Custom(func(t *rapid.T) proto.TokenPolicy {
		p := proto.TokenPolicy{Deny: rapid.IntRange(0, 3).Draw(t, "deny") == 0}
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, len(permission.Groups)-1), 1, 4).Draw(t, "groups") {
			p.Groups = append(p.Groups, permission.Groups[n].ID)
		}
		if !p.Deny {
			p.Zones = rapid.SliceOfN(rapid.SampledFrom(someZones), 0, 2).Draw(t, "zones")
		}
		return p
	})
	return &proto.APIToken{
		All:       rapid.IntRange(0, 9).Draw(t, name+" all") == 0,
		Policies:  rapid.SliceOfN(policy, 0, 4).Draw(t, name),
		ExpiresAt: proto.Millis(rapid.IntRange(0, 3).Draw(t, "expires")),
		AllowFrom: rapid.SliceOfN(rapid.SampledFrom(someRange), 0, 2).Draw(t, "from"),
		DenyFrom:  rapid.SliceOfN(rapid.SampledFrom(someRange), 0, 2).Draw(t, "not from"),
	}
}

func everyNeed(do func(v4.Permission, proto.Account)) {
	for _, g := range permission.Groups {
		for _, zone := range someZones {
			do(g.Permission, zone)
		}
	}
}

// What a token may do is a set: the order of policies says nothing, a denial only takes away, an allowance only
// adds, who may edit may read, and the account's permissions hold in its zones.
func TestPermissionsAreASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		token := drawToken(t, "token")
		more := *token
		more.Policies = append(slices.Clone(token.Policies), drawToken(t, "more").Policies...)
		added := more.Policies[len(token.Policies):]
		turned := *token
		turned.Policies = rapid.Permutation(token.Policies).Draw(t, "turned")
		everyNeed(func(n v4.Permission, zone proto.Account) {
			may := permission.Permits(token, n, zone)
			if permission.Permits(&turned, n, zone) != may {
				t.Fatalf("the order decides %v", n)
			}
			if n.Edit && may && !permission.Permits(token, v4.Permission{Scope: n.Scope, Edit: false}, zone) {
				t.Fatalf("may edit and not read %v", n)
			}
			if may && zone.IsZero() && !permission.Permits(token, n, proto.Account{2}) {
				t.Fatalf("may in the account, not in a zone: %v", n)
			}
			now := permission.Permits(&more, n, zone)
			if !slices.ContainsFunc(added, func(p proto.TokenPolicy) bool { return !p.Deny }) && now && !may {
				t.Fatalf("a denial allows %v", n)
			}
			if !slices.ContainsFunc(added, func(p proto.TokenPolicy) bool { return p.Deny }) && may && !now {
				t.Fatalf("an allowance denies %v", n)
			}
		})
	})
}

// Whoever may give a token could do all that the token can, from where and when it can.
func TestNobodyGivesMoreThanTheyHave(t *testing.T) {
	given := 0
	rapid.Check(t, func(t *rapid.T) {
		by, token := drawToken(t, "by"), drawToken(t, "token")
		if rapid.Bool().Draw(t, "derived") {
			token.Policies, token.AllowFrom = by.Policies, by.AllowFrom
		}
		if apitoken.MayGive(by, token) != nil {
			return
		}
		given++
		everyNeed(func(n v4.Permission, zone proto.Account) {
			if permission.Permits(token, n, zone) && !permission.Permits(by, n, zone) {
				t.Fatalf("%v in %v was given by one that has it not", n, zone)
			}
		})
		if by.ExpiresAt != 0 && (token.ExpiresAt == 0 || token.ExpiresAt > by.ExpiresAt) {
			t.Fatal("it lives longer")
		}
		for _, from := range []string{"10.1.2.3", "10.1.9.9", "10.9.9.9", "192.0.2.1", "2001:db8::1", "2001:db9::1"} {
			if a := addr(from); apitoken.UsableFrom(token, a) && !apitoken.UsableFrom(by, a) {
				t.Fatalf("it can be used from %s", from)
			}
		}
	})
	if given == 0 {
		t.Error("nothing was ever given")
	}
}
