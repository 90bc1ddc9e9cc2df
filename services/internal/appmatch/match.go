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
	rules []rule // the most specific first
}

type rule struct {
	Pattern
	app catalog.Record[proto.Application]
}

// Compile makes a matcher. A destination that [Parse] refuses covers nothing.
func Compile(apps []catalog.Record[proto.Application]) *Matcher {
	m := &Matcher{}
	for _, app := range apps {
		for _, d := range app.Value.Domains {
			if p, err := Parse(d); err == nil {
				m.rules = append(m.rules, rule{p, app})
			}
		}
	}
	slices.SortFunc(m.rules, func(a, b rule) int {
		return cmp.Or(compare(a.Pattern, b.Pattern), bytes.Compare(a.app.Value.ID[:], b.app.Value.ID[:]))
	})
	return m
}

// Find gives the application that a URL belongs to, and false where it belongs to none.
func (m *Matcher) Find(u *url.URL) (catalog.Record[proto.Application], bool) {
	t, ok := targetOf(u)
	if !ok {
		return catalog.Record[proto.Application]{}, false
	}
	for i := range m.rules {
		if m.rules[i].covers(t) {
			return m.rules[i].app, true
		}
	}
	return catalog.Record[proto.Application]{}, false
}
