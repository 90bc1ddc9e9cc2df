package permission

import (
	"net/http"
	"slices"
	"strings"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
)

// Scopes of routes.
const (
	Apps          v4.Scope = "apps"           // applications, policies, tags
	PolicyTests   v4.Scope = "policy_tests"   // tests of policies against every user
	ServiceTokens v4.Scope = "service_tokens" //
	Organization  v4.Scope = "organization"   // the organisation, identity providers, groups, people, signing keys
	Posture       v4.Scope = "posture"        // integrations and checks
	Devices       v4.Scope = "devices"        // the inventory
	Results       v4.Scope = "results"        // scores and outcomes
	AccessLogs    v4.Scope = "access_logs"    // authentications
	Audit         v4.Scope = "audit"          // audit log
	Enforcement   v4.Scope = "enforcement"    // holds of breakers: edit releases and rejects them
	Exemptions    v4.Scope = "exemptions"     // exemptions of devices from checks
	ObserveSwitch v4.Scope = "observe_switch" // edit changes the account's observe switch; Posture reads it
	Destinations  v4.Scope = "destinations"   // systems that receive events
	APITokens     v4.Scope = "api_tokens"
	Members       v4.Scope = "members" // members of the account and their roles
	// Own is the scope of routes about the token itself. Every token has it.
	Own v4.Scope = "own"
)

// Group is a permission group.
type Group struct {
	ID   string // 32 hex characters
	Name string
	v4.Permission
	ForZone bool // of a zone instead of an account
}

// Groups is the complete list. Ids and names are Cloudflare's if Cloudflare has the group, so that configurations
// written for it work here. The other ids are ours and never change. Permission to edit includes permission to read.
var Groups = []Group{
	{"7ea222f6d5064cfa89ea366d7c1fee89", "Access: Apps and Policies Read", v4.Permission{Scope: Apps, Edit: false}, false},
	{"1e13c5124ca64b72b1969a67e8829049", "Access: Apps and Policies Write", v4.Permission{Scope: Apps, Edit: true}, false},
	{"eb258a38ea634c86a0c89da6b27cb6b6", "Access: Apps and Policies Read", v4.Permission{Scope: Apps, Edit: false}, true},
	{"959972745952452f8be2452be8cbb9f2", "Access: Apps and Policies Write", v4.Permission{Scope: Apps, Edit: true}, true},
	{"b05b28e839c54467a7d6cba5d3abb5a3", "Access: Audit Logs Read", v4.Permission{Scope: AccessLogs, Edit: false}, false},
	{"0f4841f80adb4bada5a09493300e7f8d", "Access: Device Posture Read", v4.Permission{Scope: Posture, Edit: false}, false},
	{"2fc1072ee6b743828db668fcb3f9dee7", "Access: Device Posture Write", v4.Permission{Scope: Posture, Edit: true}, false},
	{"26bc23f853634eb4bff59983b9064fde", "Access: Organizations, Identity Providers, and Groups Read",
		v4.Permission{Scope: Organization, Edit: false}, false},
	{"bfe0d8686a584fa680f4c53b5eb0de6d", "Access: Organizations, Identity Providers, and Groups Write",
		v4.Permission{Scope: Organization, Edit: true}, false},
	{"b8b7514ce5364cd8ac0455f3eb16eb5f", "Access: Policy Test Read", v4.Permission{Scope: PolicyTests, Edit: false}, false},
	{"6d23f290472f4e6fad5c4398c057c356", "Access: Policy Test Write", v4.Permission{Scope: PolicyTests, Edit: true}, false},
	{"91f7ce32fa614d73b7e1fc8f0e78582b", "Access: Service Tokens Read", v4.Permission{Scope: ServiceTokens, Edit: false},
		false},
	{"a1c0fec57cf94af79479a6d827fa518c", "Access: Service Tokens Write", v4.Permission{Scope: ServiceTokens, Edit: true},
		false},
	{"eb56a6953c034b9d97dd838155666f06", "Account API Tokens Read", v4.Permission{Scope: APITokens, Edit: false}, false},
	{"5bc3f8b21c554832afc660159ab75fa4", "Account API Tokens Write", v4.Permission{Scope: APITokens, Edit: true}, false},
	{"c1fde68c7bcc44588cbb6ddbc16d6480", "Account Settings Read", v4.Permission{Scope: Members, Edit: false}, false},
	{"1af1fa2adc104452b74a9a3364202f20", "Account Settings Write", v4.Permission{Scope: Members, Edit: true}, false},
	{"103b702d8615e5cdb41b7543811b2129", "Audit Logs Read", v4.Permission{Scope: Audit, Edit: false}, false},
	{"9a16c4cc7e06c8cf4f789bd6bf93e8b7", "Destinations Read", v4.Permission{Scope: Destinations, Edit: false}, false},
	{"80ee91b37dd7667377a61ed0921b2bc9", "Destinations Write", v4.Permission{Scope: Destinations, Edit: true}, false},
	{"b94e2fdadec94facc24f748b3deeb300", "Devices Read", v4.Permission{Scope: Devices, Edit: false}, false},
	{"fdd5d4e75404f95bae2cae05a2124192", "Devices Write", v4.Permission{Scope: Devices, Edit: true}, false},
	{"1d3adf32e0415484349306aa618dc901", "Posture Enforcement Read", v4.Permission{Scope: Enforcement, Edit: false}, false},
	{"f2bbcb66574b00e54eea082aa2e6ae8a", "Posture Enforcement Switch Write",
		v4.Permission{Scope: ObserveSwitch, Edit: true},
		false},
	{"68936af626185330d0e0fe4f5aade05e", "Posture Enforcement Write", v4.Permission{Scope: Enforcement, Edit: true}, false},
	{"42fc8d8c54f85ae68cfbf24dc242499f", "Posture Exemptions Read", v4.Permission{Scope: Exemptions, Edit: false}, false},
	{"08d9da40ab7c1c2ce1aba471877f36ad", "Posture Exemptions Write", v4.Permission{Scope: Exemptions, Edit: true}, false},
	{"09bb80091097b2154d8fd5495c585c4a", "Posture Results Read", v4.Permission{Scope: Results, Edit: false}, false},
	{"3f376c8e6f764a938b848bd01c8995c4", "Zero Trust Read", v4.Permission{Scope: Posture, Edit: false}, false},
	{"b33f02c6f7284e05a6f20741c0bb0567", "Zero Trust Write", v4.Permission{Scope: Posture, Edit: true}, false},
}

// Find returns the permission group with an id.
func Find(id string) (Group, bool) {
	n := slices.IndexFunc(Groups, func(g Group) bool { return g.ID == id })
	if n < 0 {
		return Group{}, false
	}
	return Groups[n], true
}

// Satisfies reports whether the group includes a permission.
func (g Group) Satisfies(n v4.Permission) bool {
	return g.Scope == n.Scope && (g.Edit || !n.Edit)
}

// GroupsFor returns the names of the groups with a permission, for an error message.
func GroupsFor(n v4.Permission) string {
	var names []string
	for _, g := range Groups {
		if g.Permission == n {
			names = v4.Union(names, []string{v4.Quote(g.Name)})
		}
	}
	return strings.Join(names, " or ")
}

// Denied returns the error for a token without a permission.
func Denied(n v4.Permission) error {
	if groups := GroupsFor(n); groups != "" {
		return v4.Errorf(http.StatusForbidden, v4.CodeUnauthorized,
			"Unauthorized to access requested resource: the API token needs the permission %s", groups)
	}
	return v4.Errorf(http.StatusForbidden, v4.CodeUnauthorized,
		"Unauthorized to access requested resource: only a token with all permissions may do this")
}

// Permits reports whether a token has a permission: in the whole account, or, if zone is not zero, in that zone. A deny
// policy overrides allow policies in any order; without an allow policy, the permission is denied.
func Permits(t *proto.APIToken, n v4.Permission, zone proto.Account) bool {
	if n.Scope == Own || t.All {
		return true
	}
	allowed := false
	for _, p := range t.Policies {
		if !Covers(p.Zones, zone) || !slices.ContainsFunc(p.Groups, touches(n, p.Deny)) {
			continue
		}
		if p.Deny {
			return false
		}
		allowed = true
	}
	return allowed
}

// Covers reports whether a policy with these zones applies to a request. A policy without zones applies to the whole
// account.
func Covers(zones []proto.Account, zone proto.Account) bool {
	return len(zones) == 0 || !zone.IsZero() && (slices.Contains(zones, zone) || slices.Contains(zones, proto.Account{}))
}

// touches returns a function that reports whether a group grants a permission, or, for a deny policy, takes it away: a
// token that may not read may not edit either.
func touches(n v4.Permission, deny bool) func(string) bool {
	return func(id string) bool {
		g, known := Find(id)
		if !deny {
			return known && g.Satisfies(n)
		}
		return known && g.Scope == n.Scope && (n.Edit || !g.Edit)
	}
}
