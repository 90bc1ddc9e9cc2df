package apitest

import (
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/internal/credential"
)

// Ids of permission groups.
const (
	ReadApps      = "7ea222f6d5064cfa89ea366d7c1fee89"
	WriteApps     = "1e13c5124ca64b72b1969a67e8829049"
	ReadTokens    = "eb56a6953c034b9d97dd838155666f06"
	WriteTokens   = "5bc3f8b21c554832afc660159ab75fa4"
	ReadZoneApps  = "eb258a38ea634c86a0c89da6b27cb6b6"
	WriteZoneApps = "959972745952452f8be2452be8cbb9f2"
)

// GroupID returns the id of the permission group with a name. It panics if there is none.
func GroupID(name string) string {
	for _, g := range permission.Groups {
		if g.Name == name {
			return g.ID
		}
	}
	panic("no permission group has the name " + name)
}

// GroupIDs returns the ids of the permission groups that are wanted.
func GroupIDs(want func(permission.Group) bool) []string {
	var ids []string
	for _, g := range permission.Groups {
		if want(g) {
			ids = append(ids, g.ID)
		}
	}
	return ids
}

// TokenBody is a request for an API token with permission groups for the fixture's account.
func (f *Fixture) TokenBody(name string, groups ...string) map[string]any {
	refs := []any{}
	for _, id := range groups {
		refs = append(refs, map[string]any{"id": id})
	}
	return map[string]any{"name": name, "policies": []any{map[string]any{
		"effect": "allow", "permission_groups": refs,
		"resources": map[string]any{"com.cloudflare.api.account." + f.Account.String(): "*"},
	}}}
}

// StoreToken stores an API token with permission groups, changed by change unless that is nil, and returns its value.
func (f *Fixture) StoreToken(change func(*proto.APIToken), groups ...string) string {
	f.T.Helper()
	value := credential.NewAPIToken()
	t := proto.APIToken{
		ID: proto.NewID(), Name: "made", SecretHash: credential.Hash(value), CreatedAt: proto.At(f.Clock.Now()),
		Policies: []proto.TokenPolicy{{ID: proto.NewID(), Groups: groups}},
	}
	if change != nil {
		change(&t)
	}
	key := topology.APITokenKey(f.Account, t.SecretHash)
	if _, err := f.Conn.Put(f.T.Context(), topology.Tokens, key, &t, 0); err != nil {
		f.T.Fatal(err)
	}
	return value
}

// ZoneToken stores an API token that may edit the applications of a zone, and returns its value.
func (f *Fixture) ZoneToken(zone proto.Account) string {
	f.T.Helper()
	return f.StoreToken(func(t *proto.APIToken) { t.Policies[0].Zones = []proto.Account{zone} }, WriteZoneApps)
}
