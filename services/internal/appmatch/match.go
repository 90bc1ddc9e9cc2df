package appmatch

import (
	"bytes"
	"cmp"
	"net/url"
	"slices"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
)

// Find returns the application of a URL, or false if the URL has none. The order of apps does not matter. If two have
// the same destination, the lower id wins. For many URLs, [Compile] once.
func Find(apps []catalog.Record[proto.Application], u *url.URL) (catalog.Record[proto.Application], bool) {
	return Compile(apps).Find(u)
}

// Matcher is a compiled set of applications. It is safe for concurrent use.
type Matcher struct {
	hosts map[string][]rule // by host; the most specific first
	wild  []rule            // rules with a wildcard in the host: less specific than all others
}

type rule struct {
	Pattern
	app catalog.Record[proto.Application]
}

// Compile returns a matcher. A destination rejected by [Parse] covers nothing.
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

// Find returns the application of a URL, or false if it has none.
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

// Scoped reports whether the application of a target's host depends on the path.
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
