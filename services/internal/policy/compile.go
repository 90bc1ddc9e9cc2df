package policy

import (
	"slices"

	"plumbline.dev/proto"
)

// Bounds of a policy, so that deciding has one. What is over them counts as a rule that cannot be evaluated.
const (
	// MaxRules is how many rules a policy may have, those of its groups included each time they are named.
	MaxRules = 10_000
	// MaxGroups is how many different groups a policy may lead to.
	MaxGroups = 1_000
	// MaxLevels is how deep groups may be inside one another.
	MaxLevels = 10
)

// compiler makes one policy ready.
type compiler struct {
	bypass bool
	named  map[proto.ID]*proto.Group // that the policy leads to; nil: there is none
	cyclic map[proto.ID]bool
	ready  map[proto.ID]made

	problems []*Problem
	checks   []proto.ID
	external []Evaluation
}

// made is a group, or why there is none.
type made struct {
	*group
	why *Problem
}

// survey finds the groups that rules lead to, and tells whether there are no more than may be.
func (c *compiler) survey(groups Groups, lists ...[]proto.Rule) bool {
	c.named, c.ready = map[proto.ID]*proto.Group{}, map[proto.ID]made{}
	refs := map[proto.ID][]proto.ID{}
	next := references(lists...)
	for len(next) > 0 && len(c.named) <= MaxGroups {
		id := next[len(next)-1]
		next = next[:len(next)-1]
		if _, known := c.named[id]; known {
			continue
		}
		c.named[id] = nil
		if groups == nil {
			continue
		}
		if g, ok := groups(id); ok {
			c.named[id], refs[id] = g, references(g.Include, g.Require, g.Exclude)
			next = append(next, refs[id]...)
		}
	}
	c.cyclic = cyclic(refs)
	return len(c.named) <= MaxGroups
}

// references are the groups that rules name, each once.
func references(lists ...[]proto.Rule) []proto.ID {
	var ids []proto.ID
	seen := map[proto.ID]bool{}
	for _, list := range lists {
		for _, r := range list {
			if r.Selector != "group" {
				continue
			}
			if m, _ := ParseRule(r); m != nil && !seen[m.(inGroup).id] {
				seen[m.(inGroup).id] = true
				ids = append(ids, m.(inGroup).id)
			}
		}
	}
	return ids
}

// criteria makes the rules of a group ready, or those of the policy itself, which is the zero id.
func (c *compiler) criteria(within proto.ID, include, require, exclude []proto.Rule) criteria {
	each := func(list []proto.Rule) []Matcher {
		out := make([]Matcher, len(list))
		for i, r := range list {
			out[i] = c.rule(within, r)
		}
		return out
	}
	return criteria{each(include), each(require), each(exclude)}
}

func (c *compiler) rule(within proto.ID, r proto.Rule) Matcher {
	m, problem := ParseRule(r)
	if problem == nil && c.bypass && selectors[r.Selector].Identity {
		problem = &Problem{Reason: IdentityInBypass, Selector: r.Selector}
	}
	if ref, ok := m.(inGroup); ok {
		g := c.group(ref.id)
		if g.why == nil {
			return g.group
		}
		why := *g.why
		problem = &why
	}
	if problem != nil {
		problem.Group = within
		c.problems = append(c.problems, problem)
		return unevaluable{problem}
	}
	switch m := m.(type) {
	case posture:
		c.checks = appendNew(c.checks, m.check)
	case evaluation:
		c.external = appendNew(c.external, m.Evaluation)
	}
	return m
}

// group makes a group ready, once however often it is named.
func (c *compiler) group(id proto.ID) made {
	if m, ok := c.ready[id]; ok {
		return m
	}
	m := c.makeGroup(id)
	c.ready[id] = m
	return m
}

func (c *compiler) makeGroup(id proto.ID) made {
	refuse := func(why Reason) made {
		return made{why: &Problem{Reason: why, Selector: "group", Detail: "it names " + id.String()}}
	}
	g := c.named[id]
	switch {
	case g == nil:
		return refuse(MissingGroup)
	case c.cyclic[id]:
		return refuse(GroupCycle)
	}
	out := &group{criteria: c.criteria(id, g.Include, g.Require, g.Exclude)}
	out.rules, out.levels = out.size()
	if out.levels++; out.rules > MaxRules || out.levels > MaxLevels {
		return refuse(TooManyRules)
	}
	return made{group: out}
}

// size is how many rules there are, and how deep the groups in them go.
func (c *criteria) size() (rules, levels int) {
	for _, list := range [][]Matcher{c.include, c.require, c.exclude} {
		for _, m := range list {
			rules++
			if g, ok := m.(*group); ok {
				rules, levels = min(rules+g.rules, MaxRules+1), max(levels, g.levels)
			}
		}
	}
	return rules, levels
}

func appendNew[T comparable](list []T, v T) []T {
	if slices.Contains(list, v) {
		return list
	}
	return append(list, v)
}
