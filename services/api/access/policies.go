package access

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/catalog"
)

func (s *API) policyRoutes() []v4.Route {
	const all, one = v4.AccountPath + "/access/policies", v4.AccountPath + "/access/policies/{id}"
	return []v4.Route{
		{Method: http.MethodGet, Path: all, Scope: permission.Apps, Handle: s.listPolicies},
		{Method: http.MethodPost, Path: all, Scope: permission.Apps, Handle: s.createPolicy},
		{Method: http.MethodGet, Path: one, Scope: permission.Apps, Handle: s.getPolicy},
		{Method: http.MethodPut, Path: one, Scope: permission.Apps, Handle: s.updatePolicy},
		{Method: http.MethodDelete, Path: one, Scope: permission.Apps, Handle: s.deletePolicy},
	}
}

func (s *API) listPolicies(ctx context.Context, c *v4.Call) (v4.Response, error) {
	if err := s.store.Fresh(ctx); err != nil {
		return v4.Response{}, err
	}
	part, info, err := v4.Page(c.URL.Query(), s.index.account(c.Account).reusable.All())
	if err != nil {
		return v4.Response{}, err
	}
	used := func(p catalog.Record[proto.Policy]) int { return s.index.linksTo(c.Account, p.Value.ID) }
	views, err := store.EncodeAll(part, func(p catalog.Record[proto.Policy]) store.Basis { return store.Basis{uint64(used(p)), s.referred()} },
		func(p catalog.Record[proto.Policy]) any { return s.viewReusable(c.Account, p.Value, used(p)) })
	return v4.Response{Result: views, Info: info}, err
}

func (s *API) getPolicy(ctx context.Context, c *v4.Call) (v4.Response, error) {
	p, err := s.policy(ctx, c)
	if err != nil {
		return v4.Response{}, err
	}
	return v4.Response{Result: s.viewReusable(c.Account, p.Value, s.index.linksTo(c.Account, p.Value.ID)), Revision: p.Revision}, nil
}

// policy finds the reusable policy that the path names.
func (s *API) policy(ctx context.Context, c *v4.Call) (catalog.Record[proto.Policy], error) {
	id, err := c.ID("id", errNoPolicy)
	if err == nil {
		err = s.store.Fresh(ctx)
	}
	if err != nil {
		return catalog.Record[proto.Policy]{}, err
	}
	p, found := s.store.Catalog.Policy(c.Account, id)
	if !found || !p.Value.Owner.IsZero() {
		return catalog.Record[proto.Policy]{}, errNoPolicy
	}
	return p, c.Precondition(p.Revision)
}

func (s *API) createPolicy(ctx context.Context, c *v4.Call) (v4.Response, error) {
	body, err := c.Object()
	if err == nil {
		err = s.store.Fresh(ctx)
	}
	if err != nil {
		return v4.Response{}, err
	}
	now := proto.At(s.store.Clock.Now())
	p := proto.Policy{ID: proto.NewID(), CreatedAt: now, UpdatedAt: now}
	if err := s.checkedPolicy(c.Account, body, &p); err != nil {
		return v4.Response{}, err
	}
	revision, err := s.store.Put(ctx, c.Account, topology.KindPolicy, p.ID, &p, store.Prior{})
	return v4.Response{Status: http.StatusCreated, Result: s.viewReusable(c.Account, &p, 0), Revision: revision,
		Messages: s.samePolicyName(c, &p)}, err
}

func (s *API) updatePolicy(ctx context.Context, c *v4.Call) (v4.Response, error) {
	body, err := c.Object()
	if err != nil {
		return v4.Response{}, err
	}
	old, err := s.policy(ctx, c)
	if err != nil {
		return v4.Response{}, err
	}
	p := proto.Policy{ID: old.Value.ID, CreatedAt: old.Value.CreatedAt, UpdatedAt: proto.At(s.store.Clock.Now())}
	if err := s.checkedPolicy(c.Account, body, &p); err != nil {
		return v4.Response{}, err
	}
	revision, err := s.store.Put(ctx, c.Account, topology.KindPolicy, p.ID, &p, store.PriorOf(old))
	a := v4.Response{Result: s.viewReusable(c.Account, &p, s.index.linksTo(c.Account, p.ID)), Revision: revision}
	if p.Name != old.Value.Name {
		a.Messages = s.samePolicyName(c, &p)
	}
	return a, err
}

// checkedPolicy is readPolicy, and looks whether the groups are there that the policy names.
func (s *API) checkedPolicy(a proto.Account, body v4.Object, p *proto.Policy) error {
	if err := ReadPolicy(body, p); err != nil {
		return err
	}
	return s.groupsThere(a, p.Include, p.Exclude, p.Require)
}

// deletePolicy refuses while an application links the policy: who it lets in would change unseen.
func (s *API) deletePolicy(ctx context.Context, c *v4.Call) (v4.Response, error) {
	for range store.MaxAttempts {
		p, err := s.policy(ctx, c)
		if err != nil {
			return v4.Response{}, err
		}
		if s.index.linksTo(c.Account, p.Value.ID) > 0 {
			linked := func(l proto.PolicyLink) bool { return l.Policy == p.Value.ID }
			users := s.applicationsWith(c.Account, func(app *proto.Application) bool { return slices.ContainsFunc(app.Policies, linked) })
			if err := resource.InUse("policy", users); err != nil {
				return v4.Response{}, err
			}
		}
		err = s.store.Remove(ctx, c.Account, topology.KindPolicy, p.Value.ID, store.PriorOf(p))
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		return v4.Response{Status: http.StatusAccepted, Result: v4.IDOnly{ID: p.Value.ID}}, err
	}
	return v4.Response{}, v4.ErrConflict
}

var errNoPolicy = v4.Errorf(http.StatusNotFound, v4.CodeNotFound, "access.api.error.not_found")
