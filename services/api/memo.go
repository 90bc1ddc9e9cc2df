package api

import (
	"cmp"
	"slices"
	"sync"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
)

// memo keeps what was made of an account's configuration until that changes: of 10,000 resources a list is
// not sorted anew for each of its pages. What it gives is shared and must not be modified.
type memo[T any] struct {
	mu   sync.Mutex
	kept map[proto.Account]made[T]
}

type made[T any] struct {
	revision uint64
	value    T
}

// get gives what make makes of the configuration at a revision, or of a newer one.
func (m *memo[T]) get(a proto.Account, revision uint64, make func() T) T {
	m.mu.Lock()
	defer m.mu.Unlock()
	if k, ok := m.kept[a]; ok && k.revision >= revision {
		return k.value
	}
	if m.kept == nil {
		m.kept = map[proto.Account]made[T]{}
	}
	v := make()
	m.kept[a] = made[T]{revision, v}
	return v
}

// lists are the resources of each account in the order in which they were made, so that a list does not
// change under a client that walks its pages, unless something is removed.
type lists struct {
	apps     memo[[]catalog.Record[proto.Application]]
	policies memo[[]catalog.Record[proto.Policy]] // reusable ones
	used     memo[map[proto.ID]int]               // applications of each policy
	tagged   memo[map[string]int]                 // applications of each tag
	groups   memo[[]catalog.Record[proto.Group]]
	idps     memo[[]catalog.Record[proto.IdentityProvider]]
	tags     memo[[]catalog.Record[proto.Tag]]
}

func (s *Service) applications(a proto.Account) []catalog.Record[proto.Application] {
	return s.lists.apps.get(a, s.catalog.RevisionOf(topology.KindApplication), func() []catalog.Record[proto.Application] {
		return byAge(s.catalog.Applications(a), func(app *proto.Application) proto.Millis { return app.CreatedAt })
	})
}

func (s *Service) reusable(a proto.Account) []catalog.Record[proto.Policy] {
	return s.lists.policies.get(a, s.catalog.RevisionOf(topology.KindPolicy), func() []catalog.Record[proto.Policy] {
		all := slices.DeleteFunc(s.catalog.Policies(a), func(p catalog.Record[proto.Policy]) bool { return !p.Value.Owner.IsZero() })
		return byAge(all, func(p *proto.Policy) proto.Millis { return p.CreatedAt })
	})
}

// applicationsOf counts, for each policy, the applications that link it.
func (s *Service) applicationsOf(a proto.Account) map[proto.ID]int {
	return s.lists.used.get(a, s.catalog.RevisionOf(topology.KindApplication), func() map[proto.ID]int {
		n := map[proto.ID]int{}
		for _, app := range s.applications(a) {
			for _, link := range app.Value.Policies {
				n[link.Policy]++
			}
		}
		return n
	})
}

// taggedBy counts, for each tag, the applications that carry it.
func (s *Service) taggedBy(a proto.Account) map[string]int {
	return s.lists.tagged.get(a, s.catalog.RevisionOf(topology.KindApplication), func() map[string]int {
		n := map[string]int{}
		for _, app := range s.applications(a) {
			for _, tag := range texts(stored(app.Value.Sent)["tags"]) {
				n[tag]++
			}
		}
		return n
	})
}

func (s *Service) groups(a proto.Account) []catalog.Record[proto.Group] {
	return s.lists.groups.get(a, s.catalog.RevisionOf(topology.KindGroup), func() []catalog.Record[proto.Group] {
		return byAge(s.catalog.Groups(a), func(g *proto.Group) proto.Millis { return g.CreatedAt })
	})
}

func (s *Service) providers(a proto.Account) []catalog.Record[proto.IdentityProvider] {
	return s.lists.idps.get(a, s.catalog.RevisionOf(topology.KindIDP), func() []catalog.Record[proto.IdentityProvider] {
		return byAge(s.catalog.IdentityProviders(a), func(p *proto.IdentityProvider) proto.Millis { return p.CreatedAt })
	})
}

func (s *Service) tags(a proto.Account) []catalog.Record[proto.Tag] {
	return s.lists.tags.get(a, s.catalog.RevisionOf(topology.KindTag), func() []catalog.Record[proto.Tag] {
		return byAge(s.catalog.Tags(a), func(t *proto.Tag) proto.Millis { return t.CreatedAt })
	})
}

// byAge sorts what is sorted by id, the oldest first.
func byAge[T any](all []catalog.Record[T], created func(*T) proto.Millis) []catalog.Record[T] {
	slices.SortStableFunc(all, func(a, b catalog.Record[T]) int { return cmp.Compare(created(a.Value), created(b.Value)) })
	return all
}

// matching are those of a shared list that are wanted.
func matching[T any](all []T, want func(T) bool) []T {
	var some []T
	for _, one := range all {
		if want(one) {
			some = append(some, one)
		}
	}
	return some
}
