package apitoken

import (
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/v4"
)

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

// everyPermission calls do with each permission in each zone.
func everyPermission(do func(v4.Permission, proto.Account)) {
	for _, g := range permission.Groups {
		for _, zone := range someZones {
			do(g.Permission, zone)
		}
	}
}

// TestPermissionsOfPolicies checks that the order of policies does not matter, that a Deny policy only removes
// permissions and an Allow policy only adds some, that permission to edit includes reading, and that permissions for
// the account hold in its zones.
func TestPermissionsOfPolicies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		token := drawToken(t, "token")
		more := *token
		more.Policies = append(slices.Clone(token.Policies), drawToken(t, "more").Policies...)
		added := more.Policies[len(token.Policies):]
		turned := *token
		turned.Policies = rapid.Permutation(token.Policies).Draw(t, "turned")
		everyPermission(func(n v4.Permission, zone proto.Account) {
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

// TestGrantsAreSubsets checks that the permissions, addresses and lifetime of any token are within those of a token
// that may create it.
func TestGrantsAreSubsets(t *testing.T) {
	given := 0
	rapid.Check(t, func(t *rapid.T) {
		by, token := drawToken(t, "by"), drawToken(t, "token")
		if rapid.Bool().Draw(t, "derived") {
			token.Policies, token.AllowFrom = by.Policies, by.AllowFrom
		}
		if MayGive(by, token) != nil {
			return
		}
		given++
		everyPermission(func(n v4.Permission, zone proto.Account) {
			if permission.Permits(token, n, zone) && !permission.Permits(by, n, zone) {
				t.Fatalf("%v in %v was given by one that has it not", n, zone)
			}
		})
		if by.ExpiresAt != 0 && (token.ExpiresAt == 0 || token.ExpiresAt > by.ExpiresAt) {
			t.Fatal("it lives longer")
		}
		for _, from := range []string{"10.1.2.3", "10.1.9.9", "10.9.9.9", "192.0.2.1", "2001:db8::1", "2001:db9::1"} {
			if a := netip.MustParseAddr(from); usableFrom(token, a) && !usableFrom(by, a) {
				t.Fatalf("it can be used from %s", from)
			}
		}
	})
	if given == 0 {
		t.Error("nothing was ever given")
	}
}
