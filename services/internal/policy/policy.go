package policy

import (
	"time"

	"plumbline.dev/proto"
)

// Policy is a policy made ready for many requests. It is safe for concurrent use.
type Policy struct {
	id       proto.ID
	decision proto.Decision
	session  time.Duration
	// broken, where it is set, is why nothing is known about the policy as a whole.
	broken                    *Problem
	include, require, exclude []rule
}

// rule is a matcher, or why there is none.
type rule struct {
	Matcher
	problem *Problem
}

func (r rule) matches(f *Facts) Truth {
	if r.problem != nil {
		return unknown(r.problem)
	}
	return r.Matches(f)
}

// Compile makes a policy ready. One that this build cannot evaluate in part is still a policy: see
// [Policy.Problems].
func Compile(p *proto.Policy) *Policy {
	c := &Policy{
		id: p.ID, decision: p.Decision, session: p.SessionDuration,
		include: compileRules(p.Include), require: compileRules(p.Require), exclude: compileRules(p.Exclude),
	}
	switch p.Decision {
	case proto.DecisionAllow, proto.DecisionDeny, proto.DecisionNonIdentity, proto.DecisionBypass:
	default:
		c.broken = &Problem{Reason: UnknownDecision, Selector: string(p.Decision)}
	}
	return c
}

// Missing stands for a policy that an application names and that is not there. It might be a deny policy,
// so nothing after it admits, apart from Service Auth and Bypass policies, which come first anyway.
func Missing(id proto.ID) *Policy {
	return &Policy{id: id, broken: &Problem{Reason: MissingPolicy}}
}

func compileRules(in []proto.Rule) []rule {
	out := make([]rule, len(in))
	for i, r := range in {
		out[i].Matcher, out[i].problem = ParseRule(r)
	}
	return out
}

// ID is the policy's.
func (p *Policy) ID() proto.ID { return p.id }

// Problems are what of the policy this build cannot evaluate, rule by rule.
func (p *Policy) Problems() []*Problem {
	var all []*Problem
	if p.broken != nil {
		all = append(all, p.broken)
	}
	for _, rules := range [][]rule{p.include, p.require, p.exclude} {
		for _, r := range rules {
			if r.problem != nil {
				all = append(all, r.problem)
			}
		}
	}
	return all
}

// early tells the policies that are looked at before the others.
func (p *Policy) early() bool {
	return p.decision == proto.DecisionBypass || p.decision == proto.DecisionNonIdentity
}

// admits tells what a policy that holds does. One whose decision is not known does not admit.
func (p *Policy) admits() bool { return p.broken == nil && p.decision != proto.DecisionDeny }

// holds tells whether the policy is about this request.
func (p *Policy) holds(f *Facts) Truth {
	if p.broken != nil {
		return unknown(p.broken)
	}
	included, required, excluded := no(), yes(), no()
	for _, r := range p.include {
		included = included.or(r.matches(f))
	}
	for _, r := range p.require {
		required = required.and(r.matches(f))
	}
	for _, r := range p.exclude {
		excluded = excluded.or(r.matches(f))
	}
	return included.and(required).and(excluded.not())
}
