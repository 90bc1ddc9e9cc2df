package access

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

// index holds each account's configuration in the form that the API queries: ordered lists, and counts of references.
// It is updated change by change, so neither a list of 10,000 resources nor a write to one of them scans them all. It
// is as current as the catalog that feeds it. It is safe for concurrent use.
type index struct {
	mu sync.RWMutex
	of map[proto.Account]*contents
}

// contents holds the resources of an account. The lock of the index guards the maps; each ordered index has its own
// lock.
type contents struct {
	apps     store.Ordered[catalog.Record[proto.Application]]
	policies store.Ordered[catalog.Record[proto.Policy]] // owned and reusable
	reusable store.Ordered[catalog.Record[proto.Policy]]
	groups   store.Ordered[catalog.Record[proto.Group]]
	idps     store.Ordered[catalog.Record[proto.IdentityProvider]]
	tags     store.Ordered[catalog.Record[proto.Tag]]

	owned  map[proto.ID]*store.Ordered[catalog.Record[proto.Policy]] // by application
	links  map[proto.ID]int                                          // number of linking applications of each policy
	tagged map[string]int                                            // number of applications with each tag
	named  map[proto.ID]int                                          // number of rules naming each id
	owners map[string][]proto.ID                                     // applications with each destination
}

func newIndex() *index { return &index{of: map[proto.Account]*contents{}} }

// account returns the contents of an account; they are empty if the account has none.
func (x *index) account(a proto.Account) *contents {
	return read(x, a, func(c *contents) *contents { return c })
}

// apply applies a change of the catalog.
func (x *index) apply(ch catalog.Change) {
	x.mu.Lock()
	defer x.mu.Unlock()
	c := x.of[ch.Account]
	if c == nil {
		c = &contents{
			owned: map[proto.ID]*store.Ordered[catalog.Record[proto.Policy]]{}, links: map[proto.ID]int{},
			tagged: map[string]int{},
			named:  map[proto.ID]int{}, owners: map[string][]proto.ID{},
		}
		x.of[ch.Account] = c
	}
	switch ch.Kind {
	case topology.KindApplication:
		was, is := applyChange(&c.apps, ch, func(app *proto.Application) proto.Millis { return app.CreatedAt })
		c.countApplication(was, -1)
		c.countApplication(is, 1)
	case topology.KindPolicy:
		made := func(p *proto.Policy) proto.Millis { return p.CreatedAt }
		was, is := applyChange(&c.policies, ch, made)
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
		was, is := applyChange(&c.groups, ch, func(g *proto.Group) proto.Millis { return g.CreatedAt })
		if was != nil {
			c.countRules(-1, was.Include, was.Exclude, was.Require)
		}
		if is != nil {
			c.countRules(1, is.Include, is.Exclude, is.Require)
		}
	case topology.KindIDP:
		applyChange(&c.idps, ch, func(p *proto.IdentityProvider) proto.Millis { return p.CreatedAt })
	case topology.KindTag:
		applyChange(&c.tags, ch, func(t *proto.Tag) proto.Millis { return t.CreatedAt })
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
func (c *contents) policyIndex(owner proto.ID) *store.Ordered[catalog.Record[proto.Policy]] {
	if owner.IsZero() {
		return &c.reusable
	}
	if c.owned[owner] == nil {
		c.owned[owner] = new(store.Ordered[catalog.Record[proto.Policy]])
	}
	return c.owned[owner]
}

// countApplication adds by (1 or -1) to the count of everything that an application names.
func (c *contents) countApplication(app *proto.Application, by int) {
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
func (c *contents) countRules(by int, lists ...[]proto.Rule) {
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

// linksTo returns the number of applications linking a policy.
func (x *index) linksTo(a proto.Account, policy proto.ID) int {
	return read(x, a, func(c *contents) int { return c.links[policy] })
}

// taggedBy returns the number of applications with a tag.
func (x *index) taggedBy(a proto.Account, tag string) int {
	return read(x, a, func(c *contents) int { return c.tagged[tag] })
}

// rulesNaming returns the number of rules naming an id.
func (x *index) rulesNaming(a proto.Account, id proto.ID) int {
	return read(x, a, func(c *contents) int { return c.named[id] })
}

// ownedBy returns the policies owned by an application.
func (x *index) ownedBy(a proto.Account, app proto.ID) []*store.Item[catalog.Record[proto.Policy]] {
	return read(x, a, func(c *contents) []*store.Item[catalog.Record[proto.Policy]] { return c.owned[app].All() })
}

// otherOwner returns an application other than beside that has a destination.
func (x *index) otherOwner(a proto.Account, destination string, beside proto.ID) (proto.ID, bool) {
	others := read(x, a, func(c *contents) []proto.ID {
		return slices.DeleteFunc(slices.Clone(c.owners[destination]), func(id proto.ID) bool { return id == beside })
	})
	if len(others) == 0 {
		return proto.ID{}, false
	}
	return others[0], true
}

func read[T any](x *index, a proto.Account, of func(*contents) T) T {
	x.mu.RLock()
	defer x.mu.RUnlock()
	c := x.of[a]
	if c == nil {
		c = new(contents)
	}
	return of(c)
}
