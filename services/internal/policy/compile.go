package policy

import (
	"slices"

	"plumbline.dev/proto"
)

// These bounds limit the cost of a decision. A policy beyond them counts as a rule that cannot be evaluated.
const (
	// MaxRules is the number of rules in a policy, counting the rules of a group each time the group is named.
	MaxRules = 10_000
	// MaxGroups is the number of distinct groups that a policy may reach.
	MaxGroups = 1_000
	// MaxLevels is the depth to which groups may be nested.
	MaxLevels = 10
)

// compiler compiles one policy.
type compiler struct {
	bypass bool
	named  map[proto.ID]*proto.Group // every group the policy reaches; nil: the group does not exist
	cyclic map[proto.ID]bool
	ready  map[proto.ID]made

	problems []*Problem
	checks   []proto.ID
	external []Evaluation
}

// made is a compiled group, or the reason why it cannot be compiled.
type made struct {
	*group
	why *Problem
}

// survey finds all groups that the rules reach. It reports whether there are at most MaxGroups.
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

// references returns the ids of the groups that the rules name, without duplicates.
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

// criteria compiles the rules of a group, or those of the policy itself if within is zero.
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

// group compiles a group once, no matter how many rules name it.
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

// size returns the number of rules and the depth of the groups among them.
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
