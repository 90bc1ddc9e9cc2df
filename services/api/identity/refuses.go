package identity

import (
	"cmp"
	"context"
	"slices"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/device"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/policy"
)

// requestFacts are the selectors of rules about a request at the gateway, which the control plane does not see.
var requestFacts = []string{"ip", "certificate", "common_name", "service_token", "any_valid_service_token",
	"external_evaluation"}

// postureSelector is the selector of rules about the device.
const postureSelector = "device_posture"

// Refuses reports whether the policies of an application refuse the person of a session now, whatever else is true of
// the person's requests, and why. Rules that only a gateway can evaluate count in the person's favour: those about the
// address, the certificate, service tokens and external answers of a request, and about the device if the login has
// none. Bypass and Service Auth policies do not count: a gateway tells an application about a person only if an Allow
// policy admits them.
func (s *API) Refuses(ctx context.Context, app catalog.Record[proto.Application],
	login *proto.Session) (policy.Decision, bool, error) {
	unseen := requestFacts
	if login.Device.IsZero() {
		unseen = append(slices.Clone(unseen), postureSelector)
	}
	rules := s.favourable(app, unseen)
	var outcome func(proto.ID) proto.Outcome
	if checks := policy.Checks(rules); len(checks) > 0 {
		var err error
		if outcome, err = s.outcomesOf(ctx, app.Account, login.Device, checks); err != nil {
			return policy.Decision{}, false, err
		}
	}
	d := policy.Decide(rules, FactsOf(login, outcome))
	return d, !d.Admitted(), nil
}

// outcomesOf returns the outcomes of checks for a device, nil if it is not enrolled.
func (s *API) outcomesOf(ctx context.Context, a proto.Account, id proto.ID,
	checks []proto.ID) (func(proto.ID) proto.Outcome, error) {
	if err := s.device.Fresh(ctx); err != nil {
		return nil, err
	}
	found, err := s.device.List(ctx, a, &device.Query{Active: true, IDs: []proto.ID{id}}, 1)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	of, err := s.posture.Outcomes(ctx, a, found[0].Page, checks)
	if err != nil {
		return nil, err
	}
	return func(check proto.ID) proto.Outcome {
		if n := slices.Index(checks, check); n >= 0 {
			return of(id, n)
		}
		return proto.OutcomeUnknown
	}, nil
}

// favourable returns the policies of an application, in the order of their precedence, without rules of the unseen
// selectors: each such rule is taken to be as it is best for the person.
func (s *API) favourable(app catalog.Record[proto.Application], unseen []string) []*policy.Policy {
	links := slices.Clone(app.Value.Policies)
	slices.SortStableFunc(links, func(a, b proto.PolicyLink) int { return cmp.Compare(a.Precedence, b.Precedence) })
	group := func(id proto.ID) (*proto.Group, bool) {
		g, found := s.store.Catalog.Group(app.Account, id)
		return g.Value, found
	}
	var all []*policy.Policy
	for _, link := range links {
		r, found := s.store.Catalog.Policy(app.Account, link.Policy)
		if !found {
			all = append(all, policy.Missing(link.Policy))
			continue
		}
		if d := r.Value.Decision; d == proto.DecisionBypass || d == proto.DecisionNonIdentity {
			continue
		}
		depends := func(rule proto.Rule) bool { return mentions(group, unseen, map[proto.ID]bool{}, rule) }
		p := *r.Value
		rest := func(rules []proto.Rule) []proto.Rule { return slices.DeleteFunc(slices.Clone(rules), depends) }
		p.Include, p.Require, p.Exclude = rest(p.Include), rest(p.Require), rest(p.Exclude)
		rules := func(p *proto.Policy) int { return len(p.Include) + len(p.Require) + len(p.Exclude) }
		if p.Decision == proto.DecisionDeny && rules(&p) < rules(r.Value) {
			continue
		}
		if len(p.Include) < len(r.Value.Include) {
			p.Include = []proto.Rule{{Selector: "everyone", Body: []byte("{}")}}
		}
		all = append(all, policy.Compile(&p, group))
	}
	return all
}

// mentions reports whether a rule has one of the selectors, by itself or through its group.
func mentions(group policy.Groups, selectors []string, seen map[proto.ID]bool, rules ...proto.Rule) bool {
	return slices.ContainsFunc(rules, func(r proto.Rule) bool {
		if slices.Contains(selectors, r.Selector) {
			return true
		}
		if r.Selector != "group" {
			return false
		}
		text, _ := v4.Decode(r.Body).Text("id")
		id, err := proto.ParseID(text)
		if err != nil || seen[id] {
			return false
		}
		seen[id] = true
		g, found := group(id)
		return found && mentions(group, selectors, seen, slices.Concat(g.Include, g.Require, g.Exclude)...)
	})
}
