package appmatch

import (
	"bytes"
	"cmp"
	"net/url"
	"slices"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
)

// Find gives the application that a URL belongs to, and false where it belongs to none. The order of apps
// does not matter; of two with the same destination the one with the lower id wins. To ask about many
// URLs, [Compile] once.
func Find(apps []catalog.Record[proto.Application], u *url.URL) (catalog.Record[proto.Application], bool) {
	return Compile(apps).Find(u)
}

// Matcher is a set of applications made ready for many questions. It is safe for concurrent use.
type Matcher struct {
	hosts map[string][]rule // by host; the most specific first
	wild  []rule            // those whose host has a wildcard: less specific than any of the others
}

type rule struct {
	Pattern
	app catalog.Record[proto.Application]
}

// Compile makes a matcher. A destination that [Parse] refuses covers nothing.
func Compile(apps []catalog.Record[proto.Application]) *Matcher {
	m := &Matcher{hosts: map[string][]rule{}}
	for _, app := range apps {
		for _, d := range app.Value.Domains {
			p, err := Parse(d)
			switch {
			case err != nil:
			case p.hostExact:
				m.hosts[p.host] = append(m.hosts[p.host], rule{p, app})
			default:
				m.wild = append(m.wild, rule{p, app})
			}
		}
	}
	order := func(a, b rule) int {
		return cmp.Or(compare(a.Pattern, b.Pattern), bytes.Compare(a.app.Value.ID[:], b.app.Value.ID[:]))
	}
	for _, rules := range m.hosts {
		slices.SortFunc(rules, order)
	}
	slices.SortFunc(m.wild, order)
	return m
}

// Find gives the application that a URL belongs to, and false where it belongs to none.
func (m *Matcher) Find(u *url.URL) (catalog.Record[proto.Application], bool) {
	t, err := TargetOf(u)
	if err != nil {
		return catalog.Record[proto.Application]{}, false
	}
	return m.Match(t)
}

// Match is [Matcher.Find] for a target.
func (m *Matcher) Match(t Target) (catalog.Record[proto.Application], bool) {
	for _, rules := range [...][]rule{m.hosts[t.host], m.wild} {
		for i := range rules {
			if rules[i].covers(t) {
				return rules[i].app, true
			}
		}
	}
	return catalog.Record[proto.Application]{}, false
}

// Scoped tells whether it depends on the path which application a target's host belongs to.
func (m *Matcher) Scoped(t Target) bool {
	for _, rules := range [...][]rule{m.hosts[t.host], m.wild} {
		for i := range rules {
			if p := &rules[i].Pattern; p.path != "" && p.coversOrigin(t) {
				return true
			}
		}
	}
	return false
}
