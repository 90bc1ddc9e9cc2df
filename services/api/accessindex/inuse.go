package accessindex

import (
	"slices"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/accessrule"
	"plumbline.dev/services/api/v4"
)

// Deleting referenced resources. Terraform deletes a resource before it updates the resources that refer to it, and
// treats any status from 400 on as an error. As at Cloudflare,
//   - a policy, a group, a tag, or an identity provider named by rules cannot be deleted while something refers to it
//     (409): the set of admitted users would change unnoticed;
//   - an identity provider in allowed_idps can be deleted. The application keeps its id, since an empty list would mean
//     every provider; logins with a deleted one fail.
//
// Dangling references are listed in x_unsupported.

// ApplicationsWith returns the names of an account's applications for which is reports true.
func (x *Index) ApplicationsWith(a proto.Account, is func(*proto.Application) bool) (names []string) {
	for _, app := range x.Account(a).Applications.All() {
		if is(app.Value.Value) {
			names = append(names, "application "+v4.Quote(app.Value.Value.Name))
		}
	}
	return names
}

// RulesWith returns the names of the policies and groups with a rule about an id for which is reports true.
func (x *Index) RulesWith(a proto.Account, id proto.ID, is func(proto.Rule) bool) (names []string) {
	if x.RulesNaming(a, id) == 0 {
		return nil
	}
	all := x.Account(a)
	for _, p := range all.Policies.All() {
		if p := p.Value.Value; accessrule.Any(is, p.Include, p.Require, p.Exclude) {
			names = append(names, "policy "+v4.Quote(p.Name))
		}
	}
	for _, g := range all.Groups.All() {
		if g := g.Value.Value; accessrule.Any(is, g.Include, g.Require, g.Exclude) {
			names = append(names, "group "+v4.Quote(g.Name))
		}
	}
	return names
}

// DanglingSelectors returns the selectors of rules about a service token, check, identity provider or group that does
// not exist, each once.
func (x *Index) DanglingSelectors(a proto.Account, lists ...[]proto.Rule) (names []string) {
	for _, rules := range lists {
		for _, r := range rules {
			if !x.refersToSomething(a, r) {
				names = v4.Union(names, []string{r.Selector})
			}
		}
	}
	return names
}

func (x *Index) refersToSomething(a proto.Account, r proto.Rule) bool {
	var member string
	var there func(proto.ID) bool
	switch r.Selector {
	case "service_token":
		member, there = "token_id", func(id proto.ID) bool { return x.store.Tokens.Has(a, id) }
	case "device_posture":
		member, there = "integration_uid", func(id proto.ID) bool { _, found := x.store.Catalog.Check(a, id); return found }
	case "login_method", "oidc":
		member, there = "id", func(id proto.ID) bool { _, found := x.store.Catalog.IdentityProvider(a, id); return found }
		if r.Selector == "oidc" {
			member = "identity_provider_id"
		}
	case "group":
		member, there = "id", func(id proto.ID) bool { _, found := x.store.Catalog.Group(a, id); return found }
	default:
		return true
	}
	id, ok := accessrule.ID(r, member)
	return ok && there(id)
}

// ReferenceVersion returns a counter of creations and deletions of the things that rules refer to.
func (x *Index) ReferenceVersion() uint64 {
	return x.store.Catalog.RevisionOf(topology.KindCheck, topology.KindIDP,
		topology.KindGroup) + x.store.Tokens.ServiceTokenChanges()
}

// AbsentProvider reports whether allowed_idps of an application names a provider that does not exist.
func (x *Index) AbsentProvider(a proto.Account, app *proto.Application) bool {
	return slices.ContainsFunc(app.Gate.IDPs, func(id proto.ID) bool {
		_, found := x.store.Catalog.IdentityProvider(a, id)
		return !found
	})
}

// CheckUsers returns the names of the policies and groups with a rule about a check.
func (x *Index) CheckUsers(a proto.Account, check proto.ID) []string {
	return x.RulesWith(a, check, func(r proto.Rule) bool {
		return r.Selector == "device_posture" && accessrule.Names(r, "integration_uid", check)
	})
}
