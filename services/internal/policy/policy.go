package policy

import (
	"bytes"
	"slices"
	"time"

	"plumbline.dev/proto"
)

// Policy is a policy made ready for many requests. It is safe for concurrent use.
type Policy struct {
	id       proto.ID
	decision proto.Decision
	session  time.Duration
	// broken, where it is set, is why nothing is known about the policy as a whole.
	broken *Problem
	criteria

	problems []*Problem
	checks   []proto.ID
	external []Evaluation
	groups   []proto.ID
}

// Compile makes a policy ready, with the groups that it names; nil finds none. One that this build cannot
// evaluate in part is still a policy: see [Policy.Problems].
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

// demand adds what a policy asks for beside its rules and this build cannot do: it never admits then.
func (p *Policy) demand(unmet []string) {
	for _, name := range unmet {
		problem := &Problem{Reason: UnsupportedDemand, Selector: name}
		p.problems = append(p.problems, problem)
		p.require = append(p.require, unevaluable{problem})
	}
}

// Missing stands for a policy that an application names and that is not there. It might be a deny policy,
// so nothing after it admits, apart from Service Auth and Bypass policies, which come first anyway.
func Missing(id proto.ID) *Policy {
	why := &Problem{Reason: MissingPolicy}
	return &Policy{id: id, broken: why, problems: []*Problem{why}}
}

// Problems are what of a policy this build cannot evaluate, its groups left aside: what is known without
// them.
func Problems(p *proto.Policy) []*Problem {
	return Compile(p, func(proto.ID) (*proto.Group, bool) { return &proto.Group{}, true }).Problems()
}

// ID is the policy's.
func (p *Policy) ID() proto.ID { return p.id }

// Decides is what the policy does with whom it holds for; empty for one that is [Missing].
func (p *Policy) Decides() proto.Decision { return p.decision }

// Problems are what of the policy this build cannot evaluate, rule by rule, those of the groups that it leads
// to included. The slice is shared and must not be modified.
func (p *Policy) Problems() []*Problem { return p.problems }

// Groups are the ids of the groups that the policy leads to, whether they are there or not, in order: with
// a change of any it is to be compiled again. The slice is shared and must not be modified.
func (p *Policy) Groups() []proto.ID { return p.groups }

// UsesPosture tells whether one of the policies asks for a posture check.
func UsesPosture(policies []*Policy) bool {
	for _, p := range policies {
		if len(p.checks) > 0 {
			return true
		}
	}
	return false
}

// Checks are the posture checks that policies ask for, each once.
func Checks(policies []*Policy) []proto.ID {
	var all []proto.ID
	for _, p := range policies {
		for _, id := range p.checks {
			all = appendNew(all, id)
		}
	}
	return all
}

// External are the evaluations whose answers policies need, each once: they are to be asked before a person
// is decided about, and handed on in [Facts.External].
func External(policies []*Policy) []Evaluation {
	var all []Evaluation
	for _, p := range policies {
		for _, e := range p.external {
			all = appendNew(all, e)
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
	return p.criteria.holds(f)
}
