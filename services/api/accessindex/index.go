// Package accessindex indexes the resources of Access, and finds which of them name another resource.
package accessindex

import (
	"bytes"
	"slices"
	"sync"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/accessrule"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/appmatch"
	"plumbline.dev/services/internal/catalog"
)

// Index holds each account's configuration in the form that the API queries: ordered lists, and counts of references.
// It is updated change by change, so neither a list of 10,000 resources nor a write to one of them scans them all. It
// is as current as the catalog that feeds it. It is safe for concurrent use.
type Index struct {
	store *store.Store
	mu    sync.RWMutex
	of    map[proto.Account]*Contents

	checkApps checkApplications
}

// Contents holds the resources of an account. The lock of the index guards the maps; each ordered index has its own
// lock.
type Contents struct {
	Applications store.Ordered[catalog.Record[proto.Application]]
	Policies     store.Ordered[catalog.Record[proto.Policy]] // owned and reusable
	Reusable     store.Ordered[catalog.Record[proto.Policy]]
	Groups       store.Ordered[catalog.Record[proto.Group]]
	Providers    store.Ordered[catalog.Record[proto.IdentityProvider]]
	Tags         store.Ordered[catalog.Record[proto.Tag]]

	owned  map[proto.ID]*store.Ordered[catalog.Record[proto.Policy]] // by application
	links  map[proto.ID]int                                          // number of linking applications of each policy
	tagged map[string]int                                            // number of applications with each tag
	named  map[proto.ID]int                                          // number of rules naming each id
	owners map[string][]proto.ID                                     // applications with each destination
}

// New returns the index of a store's configuration. Call it before the store runs.
func New(s *store.Store) *Index {
	x := newIndex(s)
	s.Catalog.Tell(x.apply)
	return x
}

func newIndex(s *store.Store) *Index { return &Index{store: s, of: map[proto.Account]*Contents{}} }

// Account returns the contents of an account; they are empty if the account has none.
func (x *Index) Account(a proto.Account) *Contents {
	return read(x, a, func(c *Contents) *Contents { return c })
}

// apply applies a change of the catalog.
func (x *Index) apply(ch catalog.Change) {
	x.mu.Lock()
	defer x.mu.Unlock()
	c := x.of[ch.Account]
	if c == nil {
		c = &Contents{
			owned: map[proto.ID]*store.Ordered[catalog.Record[proto.Policy]]{}, links: map[proto.ID]int{},
			tagged: map[string]int{},
			named:  map[proto.ID]int{}, owners: map[string][]proto.ID{},
		}
		x.of[ch.Account] = c
	}
	switch ch.Kind {
	case topology.KindApplication:
		was, is := applyChange(&c.Applications, ch, func(app *proto.Application) proto.Millis { return app.CreatedAt })
		c.countApplication(was, -1)
		c.countApplication(is, 1)
	case topology.KindPolicy:
		made := func(p *proto.Policy) proto.Millis { return p.CreatedAt }
		was, is := applyChange(&c.Policies, ch, made)
		if was != nil {
			c.countRules(-1, was.Include, was.Exclude, was.Require)
			c.policyIndex(was.Owner).Remove(ch.ID)
		}
		if is != nil {
			c.countRules(1, is.Include, is.Exclude, is.Require)
			applyChange(c.policyIndex(is.Owner), ch, made)
		}
		if was != nil && !was.Owner.IsZero() && len(c.owned[was.Owner].All()) == 0 {
			delete(c.owned, was.Owner)
		}
	case topology.KindGroup:
		was, is := applyChange(&c.Groups, ch, func(g *proto.Group) proto.Millis { return g.CreatedAt })
		if was != nil {
			c.countRules(-1, was.Include, was.Exclude, was.Require)
		}
		if is != nil {
			c.countRules(1, is.Include, is.Exclude, is.Require)
		}
	case topology.KindIDP:
		applyChange(&c.Providers, ch, func(p *proto.IdentityProvider) proto.Millis { return p.CreatedAt })
	case topology.KindTag:
		applyChange(&c.Tags, ch, func(t *proto.Tag) proto.Millis { return t.CreatedAt })
	}
}

// applyChange applies a change to an ordered index. It returns the resource before and after, nil if there is none.
func applyChange[T any](
	on *store.Ordered[catalog.Record[T]], ch catalog.Change, made func(*T) proto.Millis,
) (was, is *T) {
	was, _ = ch.Was.(*T)
	if is, _ = ch.Is.(*T); is == nil {
		on.Remove(ch.ID)
		return was, nil
	}
	on.Put(ch.ID, made(is), catalog.Record[T]{Account: ch.Account, Revision: ch.Revision, Value: is})
	return was, is
}

// policyIndex returns the ordered index of an owner's policies; without an owner, of the reusable ones.
func (c *Contents) policyIndex(owner proto.ID) *store.Ordered[catalog.Record[proto.Policy]] {
	if owner.IsZero() {
		return &c.Reusable
	}
	if c.owned[owner] == nil {
		c.owned[owner] = new(store.Ordered[catalog.Record[proto.Policy]])
	}
	return c.owned[owner]
}

// countApplication adds by (1 or -1) to the count of everything that an application names.
func (c *Contents) countApplication(app *proto.Application, by int) {
	if app == nil {
		return
	}
	for _, link := range app.Policies {
		add(c.links, link.Policy, by)
	}
	if bytes.Contains(app.Sent, []byte(`"tags"`)) {
		for _, tag := range v4.Strings(v4.Decode(app.Sent)["tags"]) {
			add(c.tagged, tag, by)
		}
	}
	for _, d := range app.Domains {
		p, err := appmatch.Parse(d)
		if err != nil {
			continue
		}
		others := slices.DeleteFunc(c.owners[p.String()], func(id proto.ID) bool { return id == app.ID })
		if by > 0 {
			others = append(others, app.ID)
		}
		if c.owners[p.String()] = others; len(others) == 0 {
			delete(c.owners, p.String())
		}
	}
}

// namers are the members in which rules name something by its id: a group or a login method, a service token, the
// identity provider of an external group, a check.
var namers = []string{"id", "token_id", "identity_provider_id", "integration_uid"}

// countRules adds by (1 or -1) to the count of the ids that rules name.
func (c *Contents) countRules(by int, lists ...[]proto.Rule) {
	accessrule.Any(func(r proto.Rule) bool {
		body := v4.Decode(r.Body)
		for _, member := range namers {
			named, _ := body.Text(member)
			if id, err := proto.ParseID(named); err == nil {
				add(c.named, id, by)
			}
		}
		return false
	}, lists...)
}

func add[K comparable](to map[K]int, k K, by int) {
	if to[k] += by; to[k] == 0 {
		delete(to, k)
	}
}

// LinksTo returns the number of applications linking a policy.
func (x *Index) LinksTo(a proto.Account, policy proto.ID) int {
	return read(x, a, func(c *Contents) int { return c.links[policy] })
}

// TaggedBy returns the number of applications with a tag.
func (x *Index) TaggedBy(a proto.Account, tag string) int {
	return read(x, a, func(c *Contents) int { return c.tagged[tag] })
}

// RulesNaming returns the number of rules naming an id.
func (x *Index) RulesNaming(a proto.Account, id proto.ID) int {
	return read(x, a, func(c *Contents) int { return c.named[id] })
}

// OwnedBy returns the policies owned by an application.
func (x *Index) OwnedBy(a proto.Account, app proto.ID) []*store.Item[catalog.Record[proto.Policy]] {
	return read(x, a, func(c *Contents) []*store.Item[catalog.Record[proto.Policy]] { return c.owned[app].All() })
}

// OtherOwner returns an application other than beside that has a destination.
func (x *Index) OtherOwner(a proto.Account, destination string, beside proto.ID) (proto.ID, bool) {
	others := read(x, a, func(c *Contents) []proto.ID {
		return slices.DeleteFunc(slices.Clone(c.owners[destination]), func(id proto.ID) bool { return id == beside })
	})
	if len(others) == 0 {
		return proto.ID{}, false
	}
	return others[0], true
}

func read[T any](x *Index, a proto.Account, of func(*Contents) T) T {
	x.mu.RLock()
	defer x.mu.RUnlock()
	c := x.of[a]
	if c == nil {
		c = new(Contents)
	}
	return of(c)
}
