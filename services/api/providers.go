package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
)

func (s *Service) providerRoutes() []route {
	const all, one = accountPath + "/access/identity_providers", accountPath + "/access/identity_providers/{id}"
	return []route{
		{method: http.MethodGet, path: all, of: areaOrganization, handle: s.listProviders, zones: true},
		{method: http.MethodPost, path: all, of: areaOrganization, handle: s.createProvider, zones: true},
		{method: http.MethodGet, path: one, of: areaOrganization, handle: s.getProvider, zones: true},
		{method: http.MethodPut, path: one, of: areaOrganization, handle: s.updateProvider, zones: true},
		{method: http.MethodDelete, path: one, of: areaOrganization, handle: s.deleteProvider, zones: true},
	}
}

func (s *Service) listProviders(ctx context.Context, c *call) (answer, error) {
	if err := s.fresh(ctx); err != nil {
		return answer{}, err
	}
	q := c.URL.Query()
	all := s.index.account(c.account).idps.all()
	if c.zoned() || filtered(q, "name", "type", "search", "scim_enabled") {
		name, kind, search, scim := q.Get("name"), q.Get("type"), strings.ToLower(q.Get("search")), q.Get("scim_enabled")
		all = matching(all, func(p catalog.Record[proto.IdentityProvider]) bool {
			return c.sees(p.Value.Zone) && (name == "" || p.Value.Name == name) && (kind == "" || p.Value.Type == kind) &&
				(scim == "" || scim == strconv.FormatBool(provisions(p.Value))) && strings.Contains(strings.ToLower(p.Value.Name), search)
		})
	}
	part, info, err := paged(q, all)
	if err != nil {
		return answer{}, err
	}
	views, err := listed(part, alone, func(p catalog.Record[proto.IdentityProvider]) any { return s.viewProvider(p.Value, "") })
	return answer{result: views, info: info}, err
}

// provider finds the one that the path names.
func (s *Service) provider(ctx context.Context, c *call) (catalog.Record[proto.IdentityProvider], error) {
	return inScope(c, errNoProvider, func(p *proto.IdentityProvider) proto.Account { return p.Zone })(
		named(ctx, s, c, s.catalog.IdentityProvider, errNoProvider))
}

func (s *Service) getProvider(ctx context.Context, c *call) (answer, error) {
	p, err := s.provider(ctx, c)
	if err != nil {
		return answer{}, err
	}
	return answer{result: s.viewProvider(p.Value, ""), revision: p.Revision}, nil
}

func (s *Service) createProvider(ctx context.Context, c *call) (answer, error) {
	body, err := c.object()
	if err == nil {
		err = s.fresh(ctx)
	}
	if err != nil {
		return answer{}, err
	}
	now := proto.At(s.clock.Now())
	p := proto.IdentityProvider{ID: proto.NewID(), CreatedAt: now, UpdatedAt: now, Zone: c.zone}
	if err := s.readProvider(body, &p, nil); err != nil {
		return answer{}, err
	}
	revision, err := s.addProvider(ctx, c.account, &p)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusCreated, result: s.viewProvider(&p, newSCIMSecret(&p, nil)), revision: revision,
		messages: append(s.sameProviderName(c, &p), s.testProvider(ctx, c.account, &p)...)}, nil
}

// updateProvider replaces the provider by what is sent. The secret stays where none is sent, and so does
// the issuer.
func (s *Service) updateProvider(ctx context.Context, c *call) (answer, error) {
	body, err := c.object()
	if err != nil {
		return answer{}, err
	}
	old, err := s.provider(ctx, c)
	if err != nil {
		return answer{}, err
	}
	p := proto.IdentityProvider{ID: old.Value.ID, CreatedAt: old.Value.CreatedAt, UpdatedAt: proto.At(s.clock.Now()), Zone: old.Value.Zone}
	if err := s.readProvider(body, &p, old.Value); err != nil {
		return answer{}, err
	}
	revision, err := s.put(ctx, c.account, topology.KindIDP, p.ID, &p, old.Revision)
	if err != nil {
		return answer{}, err
	}
	a := answer{result: s.viewProvider(&p, newSCIMSecret(&p, old.Value)), revision: revision}
	if p.Name != old.Value.Name {
		a.messages = s.sameProviderName(c, &p)
	}
	if !sameProvider(old.Value, &p) {
		a.messages = append(a.messages, s.testProvider(ctx, c.account, &p)...)
	}
	return a, nil
}

// addProvider stores a new provider. Of those with one-time PINs there is one, in each zone and outside of them.
func (s *Service) addProvider(ctx context.Context, a proto.Account, p *proto.IdentityProvider) (uint64, error) {
	mine := put(a, topology.KindIDP, p.ID, p, 0)
	if p.Type != typeOnetimepin {
		return s.write(ctx, a, topology.Config, mine)
	}
	for range attempts {
		claims, err := s.claim(ctx, a, []string{typeOnetimepin + " " + p.Zone.String()})
		if err == nil {
			err = s.fresh(ctx)
		}
		if err != nil {
			return 0, err
		}
		for _, i := range s.index.account(a).idps.all() {
			if other := i.of.Value; other.Type == typeOnetimepin && other.Zone == p.Zone {
				return 0, refuse(http.StatusConflict, codeConflict, "access.api.error.conflict: there is a one-time PIN identity provider already: %s", other.ID)
			}
		}
		revision, err := s.write(ctx, a, topology.Config, append(claims, mine)...)
		if !errors.Is(err, bus.ErrConflict) {
			return revision, err
		}
	}
	return 0, errConflict
}

// deleteProvider deletes a provider that no policy and no group names. Applications that take logins there keep its
// id in allowed_idps, so that they do not take logins elsewhere instead.
func (s *Service) deleteProvider(ctx context.Context, c *call) (answer, error) {
	for range attempts {
		p, err := s.provider(ctx, c)
		if err != nil {
			return answer{}, err
		}
		names := func(r proto.Rule) bool {
			return r.Selector == "login_method" && ruleNames(r, "id", p.Value.ID) || ruleNames(r, "identity_provider_id", p.Value.ID)
		}
		if err := inUse("identity provider", s.rulesWith(c.account, p.Value.ID, names)); err != nil {
			return answer{}, err
		}
		err = s.remove(ctx, c.account, topology.KindIDP, p.Value.ID, p.Revision)
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		return answer{status: http.StatusAccepted, result: idOnly{p.Value.ID}}, err
	}
	return answer{}, errConflict
}
