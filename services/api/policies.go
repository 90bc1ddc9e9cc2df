package api

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
)

func (s *Service) policyRoutes() []route {
	const all, one = accountPath + "/access/policies", accountPath + "/access/policies/{id}"
	return []route{
		{method: http.MethodGet, path: all, of: areaApps, handle: s.listPolicies},
		{method: http.MethodPost, path: all, of: areaApps, handle: s.createPolicy},
		{method: http.MethodGet, path: one, of: areaApps, handle: s.getPolicy},
		{method: http.MethodPut, path: one, of: areaApps, handle: s.updatePolicy},
		{method: http.MethodDelete, path: one, of: areaApps, handle: s.deletePolicy},
	}
}

func (s *Service) listPolicies(ctx context.Context, c *call) (answer, error) {
	if err := s.fresh(ctx); err != nil {
		return answer{}, err
	}
	part, info, err := paged(c.URL.Query(), s.index.account(c.account).reusable.all())
	if err != nil {
		return answer{}, err
	}
	used := func(p catalog.Record[proto.Policy]) int { return s.index.linksTo(c.account, p.Value.ID) }
	views, err := listed(part, func(p catalog.Record[proto.Policy]) basis { return basis{uint64(used(p)), s.referred()} },
		func(p catalog.Record[proto.Policy]) any { return s.viewReusable(c.account, p.Value, used(p)) })
	return answer{result: views, info: info}, err
}

func (s *Service) getPolicy(ctx context.Context, c *call) (answer, error) {
	p, err := s.policy(ctx, c)
	if err != nil {
		return answer{}, err
	}
	return answer{result: s.viewReusable(c.account, p.Value, s.index.linksTo(c.account, p.Value.ID)), revision: p.Revision}, nil
}

// policy finds the reusable policy that the path names.
func (s *Service) policy(ctx context.Context, c *call) (catalog.Record[proto.Policy], error) {
	id, err := c.id("id", errNoPolicy)
	if err == nil {
		err = s.fresh(ctx)
	}
	if err != nil {
		return catalog.Record[proto.Policy]{}, err
	}
	p, found := s.catalog.Policy(c.account, id)
	if !found || !p.Value.Owner.IsZero() {
		return catalog.Record[proto.Policy]{}, errNoPolicy
	}
	return p, c.precondition(p.Revision)
}

func (s *Service) createPolicy(ctx context.Context, c *call) (answer, error) {
	body, err := c.object()
	if err == nil {
		err = s.fresh(ctx)
	}
	if err != nil {
		return answer{}, err
	}
	now := proto.At(s.clock.Now())
	p := proto.Policy{ID: proto.NewID(), CreatedAt: now, UpdatedAt: now}
	if err := s.checkedPolicy(c.account, body, &p); err != nil {
		return answer{}, err
	}
	revision, err := s.put(ctx, c.account, topology.KindPolicy, p.ID, &p, 0)
	return answer{status: http.StatusCreated, result: s.viewReusable(c.account, &p, 0), revision: revision, messages: s.samePolicyName(c, &p)}, err
}

func (s *Service) updatePolicy(ctx context.Context, c *call) (answer, error) {
	body, err := c.object()
	if err != nil {
		return answer{}, err
	}
	old, err := s.policy(ctx, c)
	if err != nil {
		return answer{}, err
	}
	p := proto.Policy{ID: old.Value.ID, CreatedAt: old.Value.CreatedAt, UpdatedAt: proto.At(s.clock.Now())}
	if err := s.checkedPolicy(c.account, body, &p); err != nil {
		return answer{}, err
	}
	revision, err := s.put(ctx, c.account, topology.KindPolicy, p.ID, &p, old.Revision)
	a := answer{result: s.viewReusable(c.account, &p, s.index.linksTo(c.account, p.ID)), revision: revision}
	if p.Name != old.Value.Name {
		a.messages = s.samePolicyName(c, &p)
	}
	return a, err
}

// checkedPolicy is readPolicy, and looks whether the groups are there that the policy names.
func (s *Service) checkedPolicy(a proto.Account, body object, p *proto.Policy) error {
	if err := readPolicy(body, p); err != nil {
		return err
	}
	return s.groupsThere(a, p.Include, p.Exclude, p.Require)
}

// deletePolicy refuses while an application links the policy: who it lets in would change unseen.
func (s *Service) deletePolicy(ctx context.Context, c *call) (answer, error) {
	for range attempts {
		p, err := s.policy(ctx, c)
		if err != nil {
			return answer{}, err
		}
		if s.index.linksTo(c.account, p.Value.ID) > 0 {
			linked := func(l proto.PolicyLink) bool { return l.Policy == p.Value.ID }
			users := s.applicationsWith(c.account, func(app *proto.Application) bool { return slices.ContainsFunc(app.Policies, linked) })
			if err := inUse("policy", users); err != nil {
				return answer{}, err
			}
		}
		err = s.remove(ctx, c.account, topology.KindPolicy, p.Value.ID, p.Revision)
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		return answer{status: http.StatusAccepted, result: idOnly{p.Value.ID}}, err
	}
	return answer{}, errConflict
}
