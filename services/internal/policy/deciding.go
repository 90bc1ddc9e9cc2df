package policy

// List names a list of a policy's rules.
type List string

// The lists of rules.
const (
	Include List = "include"
	Require List = "require"
	Exclude List = "exclude"
)

// Place is the place of a rule in a policy.
type Place struct {
	List List
	// Index is that of the rule in the list. It is -1 if no rule of the list decided: none of Include held. An index past
	// the end of Require is that of a demand ([proto.Policy.Unmet]).
	Index int
}

// Deciding reports whether the policy applies to the facts, and returns the deciding rule. If a refusal names a rule
// ([Decision.Selector]), that rule decides. Otherwise the first include rule that holds decides if the policy applies,
// and the first rule in the way if it does not. An unknown rule counts as in a decision: a policy never admits because
// of it, and never fails to deny because of it. ok is false if the policy as a whole is unknown.
func (p *Policy) Deciding(f *Facts) (at Place, applies, ok bool) {
	if p.broken != nil {
		return Place{}, false, false
	}
	deny := !p.admits()
	holds := func(t Truth) bool { return t.is == isYes || deny && t.is == isUnknown }
	at, applies = p.inTheWay(f, holds)
	switch total := p.criteria.holds(f); {
	case applies && deny && total.down != nil:
		at = p.placeOf(f, at, func(t Truth) *Problem { return t.down }, func(t Truth) *Problem { return t.up }, total.down)
	case !applies && total.up != nil:
		at = p.placeOf(f, at, func(t Truth) *Problem { return t.up }, func(t Truth) *Problem { return t.down }, total.up)
	}
	return at, applies, true
}

// inTheWay returns the first rule in the way of the policy. If there is none, the policy applies, and inTheWay returns
// the first include rule that holds.
func (c *criteria) inTheWay(f *Facts, holds func(Truth) bool) (at Place, applies bool) {
	included := -1
	for n, r := range c.include {
		if holds(r.Matches(f)) {
			included = n
			break
		}
	}
	if included < 0 {
		return Place{Include, -1}, false
	}
	for n, r := range c.require {
		if !holds(r.Matches(f)) {
			return Place{Require, n}, false
		}
	}
	for n, r := range c.exclude {
		if !holds(r.Matches(f).not()) {
			return Place{Exclude, n}, false
		}
	}
	return Place{Include, included}, true
}

// placeOf returns the place of the first rule with a problem; otherwise if no rule has it. The problem of an exclude
// rule is the one that excluded returns.
func (c *criteria) placeOf(f *Facts, otherwise Place, of, excluded func(Truth) *Problem, problem *Problem) Place {
	for _, l := range []struct {
		name    List
		rules   []Matcher
		problem func(Truth) *Problem
	}{{Include, c.include, of}, {Require, c.require, of}, {Exclude, c.exclude, excluded}} {
		for n, r := range l.rules {
			if l.problem(r.Matches(f)) == problem {
				return Place{l.name, n}
			}
		}
	}
	return otherwise
}
