package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Resources that are referred to. Terraform deletes a resource before it updates those that referred to it, and
// takes any status from 400 on for an error. As at Cloudflare,
//   - a policy, a group, a tag and an identity provider that rules name cannot be deleted while something refers to
//     them, which is a conflict: who is admitted would change unseen;
//   - an identity provider in allowed_idps can be deleted. The application keeps its id, so that the list does not
//     become empty, which would mean every provider: nobody can log in with a provider that is not there.
//
// What refers to something that is not there is named in x_unsupported.

// maxUsers is how many of the resources that refer to one an error names at most.
const maxUsers = 5

// inUse is the error about a resource that cannot be deleted; users are those that refer to it. It is nil if there
// are none.
func inUse(what string, users []string) error {
	if len(users) == 0 {
		return nil
	}
	more := ""
	if n := len(users) - maxUsers; n > 0 {
		users, more = users[:maxUsers], fmt.Sprintf(" and %d more", n)
	}
	return refuse(http.StatusConflict, codeConflict, "access.api.error.conflict: the %s is used by the %s%s: take it out there first",
		what, strings.Join(users, ", the "), more)
}

// applicationsWith are the applications of an account for which is reports true, as people call them.
func (s *Service) applicationsWith(a proto.Account, is func(*proto.Application) bool) (names []string) {
	for _, app := range s.index.account(a).apps.all() {
		if is(app.of.Value) {
			names = append(names, "application "+quoted(app.of.Value.Name))
		}
	}
	return names
}

// rulesWith are the policies and the groups with a rule about an id for which is reports true, as people call them.
func (s *Service) rulesWith(a proto.Account, id proto.ID, is func(proto.Rule) bool) (names []string) {
	if s.index.rulesNaming(a, id) == 0 {
		return nil
	}
	all := s.index.account(a)
	for _, p := range all.policies.all() {
		if p := p.of.Value; anyRule(is, p.Include, p.Require, p.Exclude) {
			names = append(names, "policy "+quoted(p.Name))
		}
	}
	for _, g := range all.groups.all() {
		if g := g.of.Value; anyRule(is, g.Include, g.Require, g.Exclude) {
			names = append(names, "group "+quoted(g.Name))
		}
	}
	return names
}

// absent are the selectors of rules about a service token, a check or an identity provider that is not there, each
// once.
func (s *Service) absent(a proto.Account, lists ...[]proto.Rule) (names []string) {
	for _, rules := range lists {
		for _, r := range rules {
			if !s.refersToSomething(a, r) {
				names = merged(names, []string{r.Selector})
			}
		}
	}
	return names
}

func (s *Service) refersToSomething(a proto.Account, r proto.Rule) bool {
	var member string
	var there func(proto.ID) bool
	switch r.Selector {
	case "service_token":
		member, there = "token_id", func(id proto.ID) bool { return s.tokens.has(a, id) }
	case "device_posture":
		member, there = "integration_uid", func(id proto.ID) bool { _, found := s.catalog.Check(a, id); return found }
	case "login_method", "oidc":
		member, there = "id", func(id proto.ID) bool { _, found := s.catalog.IdentityProvider(a, id); return found }
		if r.Selector == "oidc" {
			member = "identity_provider_id"
		}
	case "group":
		member, there = "id", func(id proto.ID) bool { _, found := s.catalog.Group(a, id); return found }
	default:
		return true
	}
	text, _ := stored(r.Body).text(member)
	id, err := proto.ParseID(text)
	return err == nil && there(id)
}

// referred is a number that grows whenever something that rules refer to is created or deleted.
func (s *Service) referred() uint64 {
	return s.catalog.RevisionOf(topology.KindCheck, topology.KindIDP, topology.KindGroup) + s.tokens.comings()
}

// absentIDP reports whether an application takes logins at a provider that is not there.
func (s *Service) absentIDP(a proto.Account, app *proto.Application) bool {
	return slices.ContainsFunc(app.Gate.IDPs, func(id proto.ID) bool {
		_, found := s.catalog.IdentityProvider(a, id)
		return !found
	})
}
