package policy

// criteria are the rules of a policy or a group. They hold if any include rule, all require rules and no exclude rule
// hold.
type criteria struct{ include, require, exclude []Matcher }

func (c *criteria) holds(f *Facts) Truth {
	included := anyOf(c.include, f)
	if included == no() {
		return no()
	}
	required := allOf(c.require, f)
	if required == no() {
		return no()
	}
	return included.and(required).and(anyOf(c.exclude, f).not())
}

func anyOf(rules []Matcher, f *Facts) Truth {
	t := no()
	for _, r := range rules {
		if t = t.or(r.Matches(f)); t == yes() {
			break
		}
	}
	return t
}

func allOf(rules []Matcher, f *Facts) Truth {
	t := yes()
	for _, r := range rules {
		if t = t.and(r.Matches(f)); t == no() {
			break
		}
	}
	return t
}

// unevaluable is a rule that this build cannot evaluate.
type unevaluable struct{ why *Problem }

func (u unevaluable) Matches(*Facts) Truth { return unknown(u.why) }
