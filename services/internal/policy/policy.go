package policy

import (
	"bytes"
	"slices"
	"time"

	"plumbline.dev/proto"
)

// Policy is a compiled policy. It is safe for concurrent use.
type Policy struct {
	id       proto.ID
	decision proto.Decision
	session  time.Duration
	// broken is the reason why the whole policy is unknown; nil for a usable policy.
	broken *Problem
	criteria

	problems []*Problem
	checks   []proto.ID
	external []Evaluation
	groups   []proto.ID
}

// Compile compiles a policy and the groups it names; a nil groups finds none. A policy that this build can only
// partly evaluate still compiles: see [Policy.Problems].
func Compile(p *proto.Policy, groups Groups) *Policy {
	out := &Policy{id: p.ID, decision: p.Decision, session: p.SessionDuration}
	switch p.Decision {
	case proto.DecisionAllow, proto.DecisionDeny, proto.DecisionNonIdentity, proto.DecisionBypass:
	default:
		out.broken = &Problem{Reason: UnknownDecision, Selector: string(p.Decision)}
		out.problems = append(out.problems, out.broken)
	}
	c := compiler{bypass: p.Decision == proto.DecisionBypass}
	fits := c.survey(groups, p.Include, p.Require, p.Exclude)
	if fits {
		out.criteria = c.criteria(proto.ID{}, p.Include, p.Require, p.Exclude)
		rules, _ := out.size()
		fits = rules <= MaxRules
	}
	if !fits {
		c.problems = []*Problem{{Reason: TooManyRules, Selector: "group"}}
		out.criteria = criteria{include: []Matcher{unevaluable{c.problems[0]}}}
	}
	out.problems = append(out.problems, c.problems...)
	if out.admits() {
		out.demand(p.Unmet)
	}
	out.checks, out.external = c.checks, c.external
	for id := range c.named {
		out.groups = append(out.groups, id)
	}
	slices.SortFunc(out.groups, func(a, b proto.ID) int { return bytes.Compare(a[:], b[:]) })
	return out
}

// demand adds an unknown require rule for each demand that this build cannot meet, so the policy never admits.
func (p *Policy) demand(unmet []string) {
	for _, name := range unmet {
		problem := &Problem{Reason: UnsupportedDemand, Selector: name}
		p.problems = append(p.problems, problem)
		p.require = append(p.require, unevaluable{problem})
	}
}

// Missing returns a substitute for a policy named by an application but not found. It might be a deny policy, so no
// later policy admits. Service Auth and Bypass policies still do, because they are evaluated first.
func Missing(id proto.ID) *Policy {
	why := &Problem{Reason: MissingPolicy}
	return &Policy{id: id, broken: why, problems: []*Problem{why}}
}

// Problems returns the parts of a policy that this build cannot evaluate. Groups are assumed to exist and to be
// empty.
func Problems(p *proto.Policy) []*Problem {
	return Compile(p, func(proto.ID) (*proto.Group, bool) { return &proto.Group{}, true }).Problems()
}

// ID returns the policy's id.
func (p *Policy) ID() proto.ID { return p.id }

// Decides returns the policy's decision; empty for a [Missing] policy.
func (p *Policy) Decides() proto.Decision { return p.decision }

// Problems returns the rules that this build cannot evaluate, including those in the policy's groups. The slice is
// shared and must not be modified.
func (p *Policy) Problems() []*Problem { return p.problems }

// Groups returns the ids of all groups that the policy reaches, existing or not, in order. The policy must be
// compiled again when one of them changes. The slice is shared and must not be modified.
func (p *Policy) Groups() []proto.ID { return p.groups }

// UsesPosture reports whether any of the policies has a posture check.
func UsesPosture(policies []*Policy) bool {
	for _, p := range policies {
		if len(p.checks) > 0 {
			return true
		}
	}
	return false
}

// Checks returns the posture checks of the policies, without duplicates.
func Checks(policies []*Policy) []proto.ID {
	var all []proto.ID
	for _, p := range policies {
		for _, id := range p.checks {
			all = appendNew(all, id)
		}
	}
	return all
}

// External returns the external evaluations of the policies, without duplicates. Their answers must be obtained
// before a person is evaluated, and passed in [Facts.External].
func External(policies []*Policy) []Evaluation {
	var all []Evaluation
	for _, p := range policies {
		for _, e := range p.external {
			all = appendNew(all, e)
		}
	}
	return all
}

// early reports whether the policy is evaluated before Allow and Deny policies.
func (p *Policy) early() bool {
	return p.decision == proto.DecisionBypass || p.decision == proto.DecisionNonIdentity
}

// admits reports whether the policy allows requests when it holds. A policy with an unknown decision does not.
func (p *Policy) admits() bool { return p.broken == nil && p.decision != proto.DecisionDeny }

// holds returns whether the policy applies to the request.
func (p *Policy) holds(f *Facts) Truth {
	if p.broken != nil {
		return unknown(p.broken)
	}
	return p.criteria.holds(f)
}
