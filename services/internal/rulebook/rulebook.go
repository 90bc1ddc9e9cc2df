package rulebook

import (
	"cmp"
	"fmt"
	"log/slog"
	"slices"

	lru "github.com/hashicorp/golang-lru/v2"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/policy"
)

// Rulebook gives the policies of applications. It is safe for concurrent use.
type Rulebook struct {
	catalog *catalog.Catalog
	ready   *lru.Cache[policyKey, *policy.Policy]
	log     *slog.Logger
	problem func(*policy.Problem)
}

type policyKey struct {
	account  proto.Account
	id       proto.ID
	revision uint64
}

// cachedPolicies is how many stay ready: more than an account may have in use.
const cachedPolicies = 4096

// New makes a rulebook over a view of applications and policies. problem is told of each rule that cannot be
// evaluated, once for each revision of its policy.
func New(c *catalog.Catalog, log *slog.Logger, problem func(*policy.Problem)) (*Rulebook, error) {
	ready, err := lru.New[policyKey, *policy.Policy](cachedPolicies)
	if err != nil {
		return nil, fmt.Errorf("cache of policies: %w", err)
	}
	return &Rulebook{catalog: c, ready: ready, log: log, problem: problem}, nil
}

// Of are an application's policies in the order of their precedence.
func (p *Rulebook) Of(app catalog.Record[proto.Application]) []*policy.Policy {
	links := slices.Clone(app.Value.Policies)
	slices.SortStableFunc(links, func(a, b proto.PolicyLink) int { return cmp.Compare(a.Precedence, b.Precedence) })
	all := make([]*policy.Policy, len(links))
	for i, link := range links {
		all[i] = p.one(app, link.Policy)
	}
	return all
}

func (p *Rulebook) one(app catalog.Record[proto.Application], id proto.ID) *policy.Policy {
	r, ok := p.catalog.Policy(app.Account, id)
	if !ok {
		return policy.Missing(id)
	}
	key := policyKey{app.Account, id, r.Revision}
	if c, ok := p.ready.Get(key); ok {
		return c
	}
	c := policy.Compile(r.Value)
	if known, there, _ := p.ready.PeekOrAdd(key, c); there {
		return known
	}
	for _, problem := range c.Problems() {
		p.problem(problem)
		p.log.Warn("a policy has a rule that cannot be evaluated; it never admits", "policy", id, "selector", problem.Selector,
			"reason", problem.Reason.String(), "detail", problem.Detail)
	}
	return c
}
