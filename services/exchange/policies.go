package exchange

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

// policies makes the policies of applications ready, each revision once.
type policies struct {
	catalog *catalog.Catalog
	ready   *lru.Cache[policyKey, *policy.Policy]
	log     *slog.Logger
	metrics *metrics
}

type policyKey struct {
	account  proto.Account
	id       proto.ID
	revision uint64
}

// cachedPolicies is how many stay ready: more than an account may have in use.
const cachedPolicies = 4096

func newPolicies(c *catalog.Catalog, log *slog.Logger, m *metrics) (*policies, error) {
	ready, err := lru.New[policyKey, *policy.Policy](cachedPolicies)
	if err != nil {
		return nil, fmt.Errorf("cache of policies: %w", err)
	}
	return &policies{catalog: c, ready: ready, log: log, metrics: m}, nil
}

// of are an application's policies in the order of their precedence.
func (p *policies) of(app catalog.Record[proto.Application]) []*policy.Policy {
	links := slices.Clone(app.Value.Policies)
	slices.SortStableFunc(links, func(a, b proto.PolicyLink) int { return cmp.Compare(a.Precedence, b.Precedence) })
	all := make([]*policy.Policy, len(links))
	for i, link := range links {
		all[i] = p.one(app, link.Policy)
	}
	return all
}

func (p *policies) one(app catalog.Record[proto.Application], id proto.ID) *policy.Policy {
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
		p.metrics.unevaluable.WithLabelValues(problem.Reason.String()).Inc()
		p.log.Warn("a policy has a rule that cannot be evaluated; it never admits", "policy", id, "selector", problem.Selector,
			"reason", problem.Reason.String(), "detail", problem.Detail)
	}
	return c
}
