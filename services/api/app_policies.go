package api

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
	"plumbline.dev/services/internal/catalog"
)

func (s *Service) appPolicyRoutes() []route {
	const all, one = accountPath + "/access/apps/{id}/policies", accountPath + "/access/apps/{id}/policies/{policy}"
	return []route{
		{method: http.MethodGet, path: all, of: areaApps, handle: s.listAppPolicies, zones: true},
		{method: http.MethodPost, path: all, of: areaApps, handle: s.createAppPolicy, zones: true},
		{method: http.MethodGet, path: one, of: areaApps, handle: s.getAppPolicy, zones: true},
		{method: http.MethodPut, path: one, of: areaApps, handle: s.updateAppPolicy, zones: true},
		{method: http.MethodDelete, path: one, of: areaApps, handle: s.deleteAppPolicy, zones: true},
		{method: http.MethodPut, path: one + "/make_reusable", of: areaApps, handle: s.makeReusable, zones: true},
	}
}

func (s *Service) listAppPolicies(ctx context.Context, c *call) (answer, error) {
	app, err := s.application(ctx, c)
	if err != nil {
		return answer{}, err
	}
	views, _ := s.viewLinks(c.account, app.Value.Policies)
	part, info, err := paged(c.URL.Query(), views)
	if part == nil {
		part = []json.RawMessage{}
	}
	return answer{result: part, info: info}, err
}

// linked finds an application and the link to the policy that the path names.
func (s *Service) linked(ctx context.Context, c *call) (catalog.Record[proto.Application], int, catalog.Record[proto.Policy], error) {
	var policy catalog.Record[proto.Policy]
	app, err := s.application(ctx, c)
	if err != nil {
		return app, 0, policy, err
	}
	id, err := c.id("policy", errNoPolicy)
	if err != nil {
		return app, 0, policy, err
	}
	n := slices.IndexFunc(app.Value.Policies, func(l proto.PolicyLink) bool { return l.Policy == id })
	policy, found := s.catalog.Policy(c.account, id)
	if n < 0 || !found {
		return app, 0, policy, errNoPolicy
	}
	return app, n, policy, nil
}

func (s *Service) getAppPolicy(ctx context.Context, c *call) (answer, error) {
	app, n, policy, err := s.linked(ctx, c)
	if err != nil {
		return answer{}, err
	}
	return ok(s.viewPolicy(c.account, policy.Value, app.Value.Policies[n].Precedence)), nil
}

// createAppPolicy makes a policy that the application owns, or links a reusable one where the body is only
// an id.
func (s *Service) createAppPolicy(ctx context.Context, c *call) (answer, error) {
	body, err := c.object()
	if err != nil {
		return answer{}, err
	}
	item, err := readItem(0, body.sent())
	if err != nil {
		return answer{}, err
	}
	if item.body != nil {
		item.id = proto.ID{} // ids are ours to give
	}
	for range attempts {
		app, err := s.application(ctx, c)
		if err != nil {
			return answer{}, err
		}
		items := itemsOf(app.Value.Policies)
		if item.precedence == 0 {
			for _, other := range items {
				item.precedence = max(item.precedence, other.precedence)
			}
			item.precedence++
		}
		links, err := s.relink(ctx, c, app, append(items, item))
		if errors.Is(err, bus.ErrConflict) {
			item.precedence, _, _ = body.integer("precedence", 1, maxPrecedence)
			continue
		}
		if err != nil {
			return answer{}, err
		}
		n := slices.IndexFunc(links, func(l proto.PolicyLink) bool { return l.Precedence == item.precedence })
		return s.viewLink(c, links[n], http.StatusCreated)
	}
	return answer{}, errConflict
}

// updateAppPolicy replaces an owned policy; of a reusable one it changes the precedence only.
func (s *Service) updateAppPolicy(ctx context.Context, c *call) (answer, error) {
	body, err := c.object()
	if err != nil {
		return answer{}, err
	}
	app, n, policy, err := s.linked(ctx, c)
	if err != nil {
		return answer{}, err
	}
	items := itemsOf(app.Value.Policies)
	if precedence, given, err := body.integer("precedence", 1, maxPrecedence); err != nil {
		return answer{}, err
	} else if given {
		items[n].precedence = precedence
	}
	if policy.Value.Owner.IsZero() {
		var check proto.Policy
		if err := readPolicy(body, &check); err != nil {
			return answer{}, err
		}
		if !samePolicy(policy.Value, &check) {
			return answer{}, invalid("the policy is reusable: change it at /access/policies/%s", policy.Value.ID)
		}
	}
	items[n].body = body
	_, err = s.relink(ctx, c, app, items)
	if err != nil {
		return answer{}, err
	}
	return s.viewLink(c, proto.PolicyLink{Policy: policy.Value.ID, Precedence: items[n].precedence}, http.StatusOK)
}

// deleteAppPolicy takes a policy out of the application; one that the application owns ends.
func (s *Service) deleteAppPolicy(ctx context.Context, c *call) (answer, error) {
	for range attempts {
		app, n, policy, err := s.linked(ctx, c)
		if err != nil {
			return answer{}, err
		}
		_, err = s.relink(ctx, c, app, slices.Delete(itemsOf(app.Value.Policies), n, n+1))
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		return answer{status: http.StatusAccepted, result: idOnly{policy.Value.ID}}, err
	}
	return answer{}, errConflict
}

// makeReusable lets other applications link a policy that the application owns. It stays linked here, and lives on
// when the application ends. One that is reusable already stays as it is.
func (s *Service) makeReusable(ctx context.Context, c *call) (answer, error) {
	if len(bytes.TrimSpace(c.body)) > 0 {
		if _, err := c.object(); err != nil {
			return answer{}, err
		}
	}
	for range attempts {
		app, n, old, err := s.linked(ctx, c)
		if err != nil {
			return answer{}, err
		}
		p := *old.Value
		if err := s.mayChange(c, app.Value); err != nil {
			return answer{}, err
		}
		if !p.Owner.IsZero() {
			p.Owner, p.UpdatedAt = proto.ID{}, proto.At(s.clock.Now())
			_, err = s.put(ctx, c.account, topology.KindPolicy, p.ID, &p, old.Revision)
		}
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		return answer{result: s.viewPolicy(c.account, &p, app.Value.Policies[n].Precedence)}, err
	}
	return answer{}, errConflict
}

func itemsOf(links []proto.PolicyLink) []policyItem {
	items := make([]policyItem, len(links))
	for n, l := range links {
		items[n] = policyItem{id: l.Policy, precedence: l.Precedence}
	}
	return items
}

// relink gives an application other policies.
func (s *Service) relink(ctx context.Context, c *call, old catalog.Record[proto.Application], items []policyItem) ([]proto.PolicyLink, error) {
	items = slices.DeleteFunc(items, func(i policyItem) bool {
		// A link whose policy is gone is left out; one that is new and leads nowhere is the client's mistake.
		_, found := s.catalog.Policy(c.account, i.id)
		return !found && slices.ContainsFunc(old.Value.Policies, func(l proto.PolicyLink) bool { return l.Policy == i.id })
	})
	slices.SortStableFunc(items, func(a, b policyItem) int { return cmp.Compare(a.precedence, b.precedence) })
	for n := 1; n < len(items); n++ {
		if items[n].precedence == items[n-1].precedence {
			return nil, invalid("policy precedences must be unique")
		}
	}
	now := proto.At(s.clock.Now())
	p, err := s.plan(c.account, old.Value.ID, items, now)
	if err != nil {
		return nil, err
	}
	app := *old.Value
	if err := s.mayChange(c, &app); err != nil {
		return nil, err
	}
	app.Policies, app.UpdatedAt = p.links, now
	if _, err := s.save(ctx, c.account, &app, p, old.Revision); err != nil {
		return nil, err
	}
	return p.links, s.fresh(ctx)
}

func (s *Service) viewLink(c *call, link proto.PolicyLink, status int) (answer, error) {
	p, found := s.catalog.Policy(c.account, link.Policy)
	if !found {
		return answer{}, errNoPolicy // somebody removed it meanwhile
	}
	return answer{status: status, result: s.viewPolicy(c.account, p.Value, link.Precedence)}, nil
}
