package api

import (
	"net/http"
	"slices"
	"strings"

	"plumbline.dev/proto"
)

// area is what a route is about, as far as permissions go. Each route names its own, beside its path. A
// route that names none is for tokens that may do everything.
type area string

// The areas.
const (
	areaApps          area = "apps"           // applications, policies, tags
	areaServiceTokens area = "service_tokens" //
	areaOrganization  area = "organization"   // the organisation, identity providers, groups, people, signing keys
	areaPosture       area = "posture"        // integrations and checks
	areaDevices       area = "devices"        // the inventory
	areaResults       area = "results"        // scores and outcomes
	areaAccessLogs    area = "access_logs"    // who was let in
	areaAudit         area = "audit"          // who changed what
	areaAPITokens     area = "api_tokens"
	// areaOwn is what every token may ask: about itself.
	areaOwn area = "own"
)

// need is what a request needs of its token.
type need struct {
	area area
	edit bool
}

// needOf is what a request of a method needs: reading changes nothing, every other method may.
func needOf(r route, method string) need {
	return need{r.of, method != http.MethodGet && method != http.MethodHead}
}

// permissionGroup is one row of what tokens can be allowed.
type permissionGroup struct {
	id   string // 32 hex characters
	name string
	need
	zone bool // for a zone alone; else for an account
}

// permissionGroups is the closed list. Ids and names are Cloudflare's where Cloudflare has the group, so that
// configurations written for it work here; the other ids are ours, for good. To edit is to read, too.
var permissionGroups = []permissionGroup{
	{"7ea222f6d5064cfa89ea366d7c1fee89", "Access: Apps and Policies Read", need{areaApps, false}, false},
	{"1e13c5124ca64b72b1969a67e8829049", "Access: Apps and Policies Write", need{areaApps, true}, false},
	{"eb258a38ea634c86a0c89da6b27cb6b6", "Access: Apps and Policies Read", need{areaApps, false}, true},
	{"959972745952452f8be2452be8cbb9f2", "Access: Apps and Policies Write", need{areaApps, true}, true},
	{"b05b28e839c54467a7d6cba5d3abb5a3", "Access: Audit Logs Read", need{areaAccessLogs, false}, false},
	{"0f4841f80adb4bada5a09493300e7f8d", "Access: Device Posture Read", need{areaPosture, false}, false},
	{"2fc1072ee6b743828db668fcb3f9dee7", "Access: Device Posture Write", need{areaPosture, true}, false},
	{"26bc23f853634eb4bff59983b9064fde", "Access: Organizations, Identity Providers, and Groups Read", need{areaOrganization, false}, false},
	{"bfe0d8686a584fa680f4c53b5eb0de6d", "Access: Organizations, Identity Providers, and Groups Write", need{areaOrganization, true}, false},
	{"91f7ce32fa614d73b7e1fc8f0e78582b", "Access: Service Tokens Read", need{areaServiceTokens, false}, false},
	{"a1c0fec57cf94af79479a6d827fa518c", "Access: Service Tokens Write", need{areaServiceTokens, true}, false},
	{"eb56a6953c034b9d97dd838155666f06", "Account API Tokens Read", need{areaAPITokens, false}, false},
	{"5bc3f8b21c554832afc660159ab75fa4", "Account API Tokens Write", need{areaAPITokens, true}, false},
	{"103b702d8615e5cdb41b7543811b2129", "Audit Logs Read", need{areaAudit, false}, false},
	{"b94e2fdadec94facc24f748b3deeb300", "Devices Read", need{areaDevices, false}, false},
	{"fdd5d4e75404f95bae2cae05a2124192", "Devices Write", need{areaDevices, true}, false},
	{"09bb80091097b2154d8fd5495c585c4a", "Posture Results Read", need{areaResults, false}, false},
	{"3f376c8e6f764a938b848bd01c8995c4", "Zero Trust Read", need{areaPosture, false}, false},
	{"b33f02c6f7284e05a6f20741c0bb0567", "Zero Trust Write", need{areaPosture, true}, false},
}

func findGroup(id string) (permissionGroup, bool) {
	n := slices.IndexFunc(permissionGroups, func(g permissionGroup) bool { return g.id == id })
	if n < 0 {
		return permissionGroup{}, false
	}
	return permissionGroups[n], true
}

// satisfies tells whether who has the group has what is needed.
func (g permissionGroup) satisfies(n need) bool { return g.area == n.area && (g.edit || !n.edit) }

// groupsFor are the names of the groups that would do, as a refusal tells them.
func groupsFor(n need) string {
	var names []string
	for _, g := range permissionGroups {
		if g.need == n {
			names = merged(names, []string{quoted(g.name)})
		}
	}
	return strings.Join(names, " or ")
}

// lacks is the refusal of a token that may not.
func lacks(n need) error {
	if groups := groupsFor(n); groups != "" {
		return refuse(http.StatusForbidden, codeUnauthorized, "Unauthorized to access requested resource: the API token needs the permission %s", groups)
	}
	return refuse(http.StatusForbidden, codeUnauthorized, "Unauthorized to access requested resource: only a token with all permissions may do this")
}

// permits tells whether a token may do what is needed, in the account as a whole or, where zone is not zero,
// in that zone. A denial wins over what is allowed, wherever they stand; what nothing allows is denied.
func permits(t *proto.APIToken, n need, zone proto.Account) bool {
	if n.area == areaOwn || t.All {
		return true
	}
	allowed := false
	for _, p := range t.Policies {
		if !covers(p.Zones, zone) || !slices.ContainsFunc(p.Groups, touches(n, p.Deny)) {
			continue
		}
		if p.Deny {
			return false
		}
		allowed = true
	}
	return allowed
}

// covers tells whether a policy is about a request: one without zones is about the whole account.
func covers(zones []proto.Account, zone proto.Account) bool {
	return len(zones) == 0 || !zone.IsZero() && (slices.Contains(zones, zone) || slices.Contains(zones, proto.Account{}))
}

// touches tells of the id of a group whether it allows what is needed; or, of a denial, whether it takes it
// away: who may not read may not edit either.
func touches(n need, deny bool) func(string) bool {
	return func(id string) bool {
		g, known := findGroup(id)
		if !deny {
			return known && g.satisfies(n)
		}
		return known && g.area == n.area && (n.edit || !g.edit)
	}
}
