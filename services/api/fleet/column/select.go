package column

import (
	"slices"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/fleet/filter"
)

// Query is a filter that is ready to use. It is safe for concurrent use.
type Query struct {
	expr    filter.Expr
	checks  map[string][]proto.ID // by the names in the filter
	all     []proto.ID            // the evaluated checks of the account
	now     proto.Millis
	revoked bool // the filter decides about revoked devices
}

// NewQuery prepares a filter. all are the evaluated checks of the account. checks returns the ids of the checks with a
// name or id; an error of it is returned. Ages are measured at now.
func NewQuery(e filter.Expr, now proto.Millis, all []proto.ID,
	checks func(name string) ([]proto.ID, error)) (*Query, error) {
	q := &Query{expr: e, now: now, all: all, checks: map[string][]proto.ID{},
		revoked: filter.Mentions(e, filter.StateRevoked)}
	return q, q.resolve(e, checks)
}

func (q *Query) resolve(e filter.Expr, checks func(string) ([]proto.ID, error)) (err error) {
	switch e := e.(type) {
	case filter.All:
		return q.resolveAll(e, checks)
	case filter.Any:
		return q.resolveAll(e, checks)
	case filter.Not:
		return q.resolve(e.Of, checks)
	case filter.Check:
		q.checks[e.Name], err = checks(e.Name)
	}
	return err
}

func (q *Query) resolveAll(all []filter.Expr, checks func(string) ([]proto.ID, error)) error {
	for _, e := range all {
		if err := q.resolve(e, checks); err != nil {
			return err
		}
	}
	return nil
}

// All reports whether the query selects every active device.
func (q *Query) All() bool {
	all, isAll := q.expr.(filter.All)
	return isAll && len(all) == 0
}

// Scanner selects rows. It has a buffer, so it is for one goroutine.
type Scanner struct {
	query *Query
	plain plainText
}

// Scanner returns a scanner of the query.
func (q *Query) Scanner() *Scanner { return &Scanner{query: q} }

// Select returns the rows of a page that the filter selects. Revoked devices are selected only if the filter mentions
// them.
func (s *Scanner) Select(p *Page) Rows {
	within := span(0, p.Active)
	if s.query.revoked {
		within = span(0, len(p.IDs))
	}
	return s.rows(s.query.expr, p, within)
}

// rows returns the rows within a set for which a condition holds.
func (s *Scanner) rows(e filter.Expr, p *Page, within Rows) Rows {
	if within == (Rows{}) {
		return within
	}
	switch e := e.(type) {
	case filter.All:
		for _, one := range cheapFirst(e) {
			within = s.rows(one, p, within)
		}
		return within
	case filter.Any:
		var found Rows
		for _, one := range cheapFirst(e) {
			found = found.or(s.rows(one, p, within.without(found)))
		}
		return found
	case filter.Not:
		return within.without(s.rows(e.Of, p, within))
	case filter.Text:
		return within.and(p.match(&e, &s.plain))
	case filter.Check:
		var found Rows
		for _, id := range s.query.checks[e.Name] {
			found = found.or(inState(p.states(id), e.State, within))
		}
		if e.Not {
			return within.without(found)
		}
		return found
	case filter.Flag:
		found := span(p.Active, len(p.IDs)).and(within)
		if e.State != filter.StateRevoked {
			found = p.Some(s.query.all, e.State, within)
		}
		if !e.On {
			return within.without(found)
		}
		return found
	case filter.Outcome:
		return p.Some(s.query.all, e.State, within)
	}
	return s.compare(e, p, within)
}

// cheapFirst returns conditions with those on text last: they have to decompress it.
func cheapFirst(all []filter.Expr) []filter.Expr {
	return slices.SortedStableFunc(slices.Values(all), func(a, b filter.Expr) int { return cost(a) - cost(b) })
}

func cost(e filter.Expr) int {
	switch e := e.(type) {
	case filter.Text:
		if e.Field == filter.FieldAny {
			return 2
		}
		return 1
	case filter.All, filter.Any, filter.Not:
		return 1
	}
	return 0
}

// compare returns the rows whose score or age meets a comparison.
func (s *Scanner) compare(e filter.Expr, p *Page, within Rows) (found Rows) {
	for n := range p.IDs {
		if !within.Has(n) {
			continue
		}
		lowest, oldest, scored := p.Score(n)
		holds := false
		switch e := e.(type) {
		case filter.Score:
			holds = scored && e.Op.Holds(int64(lowest), int64(e.Value))
		case filter.Age:
			age := int64(1) << 62 // without a score, older than any age
			if scored {
				age = int64(s.query.now - oldest)
			}
			holds = e.Op.Holds(age, e.Value.Milliseconds())
		}
		if holds {
			found.set(n)
		}
	}
	return found
}

// inState returns the rows within a set that have a state of a check. No result is unknown.
func inState(states []state, want filter.State, within Rows) (found Rows) {
	if states == nil {
		if want == filter.StateUnknown {
			return within
		}
		return found
	}
	mask, value := state(3), state(outcomes[want])
	if n := slices.Index(enforcedStates[:], want); n >= 0 {
		mask, value = 0xf<<enforcedShift, state(n+1)<<enforcedShift
	}
	for n, s := range states {
		if s&mask == value {
			found.set(n)
		}
	}
	return found.and(within)
}

// Some returns the rows within a set that have a state of some check.
func (p *Page) Some(checks []proto.ID, want filter.State, within Rows) (found Rows) {
	for _, id := range checks {
		found = found.or(inState(p.states(id), want, within))
	}
	return found
}
