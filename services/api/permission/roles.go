package permission

import (
	"slices"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
)

// Role is a set of permissions for members.
type Role struct {
	ID          string // 32 hex characters
	Name        string
	Description string
	// All is set for a role with every permission, including those of later versions.
	All bool
	// edits lists the scopes that the role may edit. A role without All may read every scope.
	edits []v4.Scope
}

// editorScopes lists the scopes that an editor may edit. The others decide who a person is and what they may do:
// with an identity provider of their own, an editor could log in as an administrator.
var editorScopes = []v4.Scope{Apps, PolicyTests, ServiceTokens, Posture, Devices, Enforcement, Exemptions,
	Destinations}

// administratorScopes lists the scopes that only an administrator may edit.
var administratorScopes = []v4.Scope{Organization, ObserveSwitch, APITokens, Members}

// Roles is the complete list, the one with the most permissions first. Ids and names are Cloudflare's if Cloudflare has
// the role.
var Roles = []Role{
	{ID: "05784afa30c1afe1440e79d9351c7430", Name: "Administrator", All: true,
		Description: "Can read and change everything, including members, API tokens and identity providers."},
	{ID: "c2f5a7d0a94b4f0d8d6b2f4e5c1a9e37", Name: "Editor", edits: editorScopes,
		Description: "Can read everything, and change applications, policies, service tokens, integrations, checks, " +
			"devices, exemptions, holds and destinations."},
	{ID: "f2b20eaa1a5d4af42b53ac16238c99c7", Name: "Administrator Read Only",
		Description: "Can read everything and change nothing."},
}

// FindRole returns the role with an id.
func FindRole(id string) (Role, bool) {
	n := slices.IndexFunc(Roles, func(r Role) bool { return r.ID == id })
	if n < 0 {
		return Role{}, false
	}
	return Roles[n], true
}

// Groups returns the permission groups of a role, for the whole account.
func (r Role) Groups() []string {
	var ids []string
	for _, g := range Groups {
		if !g.ForZone && r.has(g) {
			ids = append(ids, g.ID)
		}
	}
	return ids
}

func (r Role) has(g Group) bool { return r.All || !g.Edit || slices.Contains(r.edits, g.Scope) }

// Permits reports whether the role has a permission in the account.
func (r Role) Permits(n v4.Permission) bool {
	return r.All || slices.ContainsFunc(Groups, func(g Group) bool { return r.has(g) && g.Satisfies(n) })
}

// OfRoles returns the permissions of roles, as those of a token. Unknown roles have no permissions.
func OfRoles(ids []string) *proto.APIToken {
	t := &proto.APIToken{}
	for _, id := range ids {
		r, known := FindRole(id)
		if !known {
			continue
		}
		t.All = t.All || r.All
		t.Policies = append(t.Policies, proto.TokenPolicy{Groups: r.Groups()})
	}
	return t
}
