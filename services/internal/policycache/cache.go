package policycache

import (
	"cmp"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/policy"
)

// Cache caches the compiled policies of applications. It is safe for concurrent use.
type Cache struct {
	catalog *catalog.Catalog
	ready   *lru.Cache[policyKey, compiled]
	newest  atomic.Pointer[snapshot]
	log     *slog.Logger
	problem func(*policy.Problem)
}

type policyKey struct {
	account  proto.Account
	id       proto.ID
	revision uint64
}

// compiled is a policy with the revisions of the groups it was compiled with, 0 for missing ones, in the order of
// [policy.Policy.Groups].
type compiled struct {
	policy *policy.Policy
	groups []uint64
}

// snapshot holds the lists of policies for one revision of the catalog.
type snapshot struct {
	revision uint64 // of the catalog, read before its contents
	mu       sync.RWMutex
	lists    map[appKey][]*policy.Policy
}

type appKey struct {
	account  proto.Account
	id       proto.ID
	revision uint64
}

// cachedPolicies is the number of cached policies: more than an account should use.
const cachedPolicies = 4096

// New returns an empty cache over a view of applications, policies and groups. problem is called for each rule that
// cannot be evaluated, once per revision of its policy and the policy's groups.
func New(c *catalog.Catalog, log *slog.Logger, problem func(*policy.Problem)) (*Cache, error) {
	ready, err := lru.New[policyKey, compiled](cachedPolicies)
	if err != nil {
		return nil, fmt.Errorf("cache of policies: %w", err)
	}
	return &Cache{catalog: c, ready: ready, log: log, problem: problem}, nil
}

// Of returns the policies of an application in the order of their precedence, from the current catalog. The slice is
// shared and must not be modified. Until the catalog changes, a call costs one map lookup.
func (b *Cache) Of(app catalog.Record[proto.Application]) []*policy.Policy {
	if len(app.Value.Policies) == 0 {
		return nil // includes an application closed at an unchanged revision
	}
	e, key := b.edition(), appKey{app.Account, app.Value.ID, app.Revision}
	e.mu.RLock()
	list, ok := e.lists[key]
	e.mu.RUnlock()
	if ok {
		return list
	}
	list = b.list(app)
	e.mu.Lock()
	defer e.mu.Unlock()
	if known, ok := e.lists[key]; ok {
		return known
	}
	e.lists[key] = list
	return list
}

// edition returns the snapshot of the catalog's revision.
func (b *Cache) edition() *snapshot {
	revision := b.catalog.Revision()
	e := b.newest.Load()
	if e != nil && e.revision == revision {
		return e
	}
	next := &snapshot{revision: revision, lists: map[appKey][]*policy.Policy{}}
	if b.newest.CompareAndSwap(e, next) {
		return next
	}
	// Another goroutine was faster. Its snapshot may be of another revision, and the next request checks that; next
	// serves this one.
	return next
}

func (b *Cache) list(app catalog.Record[proto.Application]) []*policy.Policy {
	links := slices.Clone(app.Value.Policies)
	slices.SortStableFunc(links, func(a, b proto.PolicyLink) int { return cmp.Compare(a.Precedence, b.Precedence) })
	all := make([]*policy.Policy, len(links))
	for i, link := range links {
		all[i] = b.compiledPolicy(app.Account, link.Policy)
	}
	return all
}

func (b *Cache) compiledPolicy(account proto.Account, id proto.ID) *policy.Policy {
	r, ok := b.catalog.Policy(account, id)
	if !ok {
		return policy.Missing(id)
	}
	key := policyKey{account, id, r.Revision}
	if c, ok := b.ready.Get(key); ok && b.current(account, c) {
		return c.policy
	}
	c := b.compile(account, r.Value)
	if known, ok := b.ready.Get(key); ok && slices.Equal(known.groups, c.groups) &&
		slices.Equal(known.policy.Groups(), c.policy.Groups()) {
		return known.policy
	}
	b.ready.Add(key, c)
	for _, problem := range c.policy.Problems() {
		b.problem(problem)
		fields := []any{"policy", id, "selector", problem.Selector, "reason", problem.Reason.String()}
		if !problem.Group.IsZero() {
			fields = append(fields, "group", problem.Group)
		}
		if problem.Detail != "" {
			fields = append(fields, "detail", problem.Detail)
		}
		b.log.Warn("policy has a rule that cannot be evaluated, and the rule never admits", fields...)
	}
	return c.policy
}

// compile compiles a policy and records the revisions of its groups.
func (b *Cache) compile(account proto.Account, p *proto.Policy) compiled {
	revisions := map[proto.ID]uint64{}
	c := compiled{policy: policy.Compile(p, func(id proto.ID) (*proto.Group, bool) {
		g, ok := b.catalog.Group(account, id)
		revisions[id] = g.Revision
		return g.Value, ok
	})}
	for _, id := range c.policy.Groups() {
		c.groups = append(c.groups, revisions[id])
	}
	return c
}

// current reports whether the groups of a policy are unchanged since its compilation.
func (b *Cache) current(account proto.Account, c compiled) bool {
	for i, id := range c.policy.Groups() {
		if g, _ := b.catalog.Group(account, id); g.Revision != c.groups[i] {
			return false
		}
	}
	return true
}
