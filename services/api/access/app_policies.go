package access

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/catalog"
)

func (s *API) appPolicyRoutes() []v4.Route {
	const all, one = v4.AccountPath + "/access/apps/{id}/policies", v4.AccountPath + "/access/apps/{id}/policies/{policy}"
	return []v4.Route{
		{Method: http.MethodGet, Path: all, Scope: permission.Apps, Handle: s.listAppPolicies, Zones: true},
		{Method: http.MethodPost, Path: all, Scope: permission.Apps, Handle: s.createAppPolicy, Zones: true},
		{Method: http.MethodGet, Path: one, Scope: permission.Apps, Handle: s.getAppPolicy, Zones: true},
		{Method: http.MethodPut, Path: one, Scope: permission.Apps, Handle: s.updateAppPolicy, Zones: true},
		{Method: http.MethodDelete, Path: one, Scope: permission.Apps, Handle: s.deleteAppPolicy, Zones: true},
		{Method: http.MethodPut, Path: one + "/make_reusable", Scope: permission.Apps, Handle: s.makeReusable, Zones: true},
	}
}

func (s *API) listAppPolicies(ctx context.Context, c *v4.Call) (v4.Response, error) {
	app, err := s.Application(ctx, c)
	if err != nil {
		return v4.Response{}, err
	}
	views, _ := s.viewLinks(c.Account, app.Value.Policies)
	part, info, err := v4.Page(c.URL.Query(), views)
	if part == nil {
		part = []json.RawMessage{}
	}
	return v4.Response{Result: part, Info: info}, err
}

// linkedPolicy returns an application and its link to the policy that the path names.
func (s *API) linkedPolicy(ctx context.Context,
	c *v4.Call) (catalog.Record[proto.Application], int, catalog.Record[proto.Policy], error) {
	var policy catalog.Record[proto.Policy]
	app, err := s.Application(ctx, c)
	if err != nil {
		return app, 0, policy, err
	}
	id, err := c.ID("policy", errNoPolicy)
	if err != nil {
		return app, 0, policy, err
	}
	n := slices.IndexFunc(app.Value.Policies, func(l proto.PolicyLink) bool { return l.Policy == id })
	policy, found := s.store.Catalog.Policy(c.Account, id)
	if n < 0 || !found {
		return app, 0, policy, errNoPolicy
	}
	return app, n, policy, nil
}

func (s *API) getAppPolicy(ctx context.Context, c *v4.Call) (v4.Response, error) {
	app, n, policy, err := s.linkedPolicy(ctx, c)
	if err != nil {
		return v4.Response{}, err
	}
	// Its revision is that of the application, which every change of an owned policy and of the order changes.
	return v4.Response{Result: s.ViewPolicy(c.Account, policy.Value, app.Value.Policies[n].Precedence),
		Revision: app.Revision}, nil
}

// createAppPolicy creates a policy that the application owns, or links a reusable policy if the body is only an id.
func (s *API) createAppPolicy(ctx context.Context, c *v4.Call) (v4.Response, error) {
	body, err := c.Object()
	if err != nil {
		return v4.Response{}, err
	}
	item, err := readItem(0, body.Encode())
	if err != nil {
		return v4.Response{}, err
	}
	if item.body != nil {
		item.id = proto.ID{} // clients cannot choose ids
	}
	for range store.MaxAttempts {
		app, err := s.Application(ctx, c)
		if err != nil {
			return v4.Response{}, err
		}
		items := itemsOf(app.Value.Policies)
		if item.precedence == 0 {
			for _, other := range items {
				item.precedence = max(item.precedence, other.precedence)
			}
			item.precedence++
		}
		links, revision, err := s.relink(ctx, c, app, append(items, item))
		if errors.Is(err, bus.ErrConflict) {
			item.precedence, _, _ = body.Int("precedence", 1, maxPrecedence)
			continue
		}
		if err != nil {
			return v4.Response{}, err
		}
		n := slices.IndexFunc(links, func(l proto.PolicyLink) bool { return l.Precedence == item.precedence })
		return s.viewLink(c, links[n], http.StatusCreated, revision)
	}
	return v4.Response{}, v4.ErrConflict
}

// updateAppPolicy replaces an owned policy. For a reusable policy it changes only the precedence.
func (s *API) updateAppPolicy(ctx context.Context, c *v4.Call) (v4.Response, error) {
	body, err := c.Object()
	if err != nil {
		return v4.Response{}, err
	}
	app, n, policy, err := s.linkedPolicy(ctx, c)
	if err != nil {
		return v4.Response{}, err
	}
	items := itemsOf(app.Value.Policies)
	if precedence, given, err := body.Int("precedence", 1, maxPrecedence); err != nil {
		return v4.Response{}, err
	} else if given {
		items[n].precedence = precedence
	}
	if policy.Value.Owner.IsZero() {
		var check proto.Policy
		if err := readPolicy(body, &check); err != nil {
			return v4.Response{}, err
		}
		if !samePolicy(policy.Value, &check) {
			return v4.Response{}, v4.Invalid("the policy is reusable: change it at /access/policies/%s", policy.Value.ID)
		}
	}
	items[n].body = body
	_, revision, err := s.relink(ctx, c, app, items)
	if err != nil {
		return v4.Response{}, err
	}
	return s.viewLink(c, proto.PolicyLink{Policy: policy.Value.ID, Precedence: items[n].precedence}, http.StatusOK,
		revision)
}

// deleteAppPolicy unlinks a policy from the application, and deletes it if the application owns it.
func (s *API) deleteAppPolicy(ctx context.Context, c *v4.Call) (v4.Response, error) {
	for range store.MaxAttempts {
		app, n, policy, err := s.linkedPolicy(ctx, c)
		if err != nil {
			return v4.Response{}, err
		}
		_, _, err = s.relink(ctx, c, app, slices.Delete(itemsOf(app.Value.Policies), n, n+1))
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		return v4.Response{Status: http.StatusAccepted, Result: v4.IDOnly{ID: policy.Value.ID}}, err
	}
	return v4.Response{}, v4.ErrConflict
}

// makeReusable lets other applications link a policy that the application owns. The policy stays linked here, and is
// kept when the application is deleted. A policy that is reusable already does not change.
func (s *API) makeReusable(ctx context.Context, c *v4.Call) (v4.Response, error) {
	if len(bytes.TrimSpace(c.Payload)) > 0 {
		if _, err := c.Object(); err != nil {
			return v4.Response{}, err
		}
	}
	for range store.MaxAttempts {
		app, n, old, err := s.linkedPolicy(ctx, c)
		if err != nil {
			return v4.Response{}, err
		}
		p := *old.Value
		if err := s.mayChange(c, app.Value); err != nil {
			return v4.Response{}, err
		}
		if !p.Owner.IsZero() {
			p.Owner, p.UpdatedAt = proto.ID{}, proto.At(s.store.Clock.Now())
			_, err = s.store.Put(ctx, c.Account, topology.KindPolicy, p.ID, &p, store.PriorOf(old))
		}
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		return v4.Response{Result: s.ViewPolicy(c.Account, &p, app.Value.Policies[n].Precedence)}, err
	}
	return v4.Response{}, v4.ErrConflict
}

func itemsOf(links []proto.PolicyLink) []policyItem {
	items := make([]policyItem, len(links))
	for n, l := range links {
		items[n] = policyItem{id: l.Policy, precedence: l.Precedence}
	}
	return items
}

// relink replaces the policies of an application, and returns them with the new revision of the application.
func (s *API) relink(ctx context.Context, c *v4.Call, old catalog.Record[proto.Application],
	items []policyItem) ([]proto.PolicyLink, uint64, error) {
	if err := s.mayChange(c, old.Value); err != nil {
		return nil, 0, err
	}
	items = slices.DeleteFunc(items, func(i policyItem) bool {
		// An existing link to a deleted policy is dropped; a new link to a missing policy is the client's mistake.
		_, found := s.store.Catalog.Policy(c.Account, i.id)
		return !found && slices.ContainsFunc(old.Value.Policies, func(l proto.PolicyLink) bool { return l.Policy == i.id })
	})
	slices.SortStableFunc(items, func(a, b policyItem) int { return cmp.Compare(a.precedence, b.precedence) })
	for n := 1; n < len(items); n++ {
		if items[n].precedence == items[n-1].precedence {
			return nil, 0, v4.Invalid("policy precedences must be unique")
		}
	}
	now := proto.At(s.store.Clock.Now())
	p, err := s.plan(c.Account, old.Value.ID, items, now)
	if err != nil {
		return nil, 0, err
	}
	app := *old.Value
	app.Policies, app.UpdatedAt = p.links, now
	revision, err := s.save(ctx, c.Account, &app, p, store.PriorOf(old))
	if err != nil {
		return nil, 0, err
	}
	return p.links, revision, s.store.Fresh(ctx)
}

func (s *API) viewLink(c *v4.Call, link proto.PolicyLink, status int, revision uint64) (v4.Response, error) {
	p, found := s.store.Catalog.Policy(c.Account, link.Policy)
	if !found {
		return v4.Response{}, errNoPolicy // deleted in the meantime
	}
	return v4.Response{Status: status, Result: s.ViewPolicy(c.Account, p.Value, link.Precedence), Revision: revision}, nil
}
