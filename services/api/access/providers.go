package access

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/catalog"
)

func (s *API) providerRoutes() []v4.Route {
	const all, one = v4.AccountPath + "/access/identity_providers", v4.AccountPath + "/access/identity_providers/{id}"
	return []v4.Route{
		{Method: http.MethodGet, Path: all, Scope: permission.Organization, Handle: s.listProviders, Zones: true},
		{Method: http.MethodPost, Path: all, Scope: permission.Organization, Handle: s.createProvider, Zones: true},
		{Method: http.MethodGet, Path: one, Scope: permission.Organization, Handle: s.getProvider, Zones: true},
		{Method: http.MethodPut, Path: one, Scope: permission.Organization, Handle: s.updateProvider, Zones: true},
		{Method: http.MethodDelete, Path: one, Scope: permission.Organization, Handle: s.deleteProvider, Zones: true},
	}
}

func (s *API) listProviders(ctx context.Context, c *v4.Call) (v4.Response, error) {
	if err := s.store.Fresh(ctx); err != nil {
		return v4.Response{}, err
	}
	q := c.URL.Query()
	all := s.index.account(c.Account).idps.All()
	if c.Zoned() || v4.HasParam(q, "name", "type", "search", "scim_enabled") {
		name, kind, search, scim := q.Get("name"), q.Get("type"), strings.ToLower(q.Get("search")), q.Get("scim_enabled")
		all = store.Filter(all, func(p catalog.Record[proto.IdentityProvider]) bool {
			return c.Sees(p.Value.Zone) && (name == "" || p.Value.Name == name) && (kind == "" || p.Value.Type == kind) &&
				(scim == "" || scim == strconv.FormatBool(provisions(p.Value))) && strings.Contains(strings.ToLower(p.Value.Name), search)
		})
	}
	part, info, err := v4.Page(q, all)
	if err != nil {
		return v4.Response{}, err
	}
	views, err := store.EncodeAll(part, store.NoBasis, func(p catalog.Record[proto.IdentityProvider]) any { return s.viewProvider(p.Value, "") })
	return v4.Response{Result: views, Info: info}, err
}

// provider finds the one that the path names.
func (s *API) provider(ctx context.Context, c *v4.Call) (catalog.Record[proto.IdentityProvider], error) {
	return resource.InScope(c, errNoProvider, func(p *proto.IdentityProvider) proto.Account { return p.Zone })(
		resource.Find(ctx, s.store.Fresh, c, s.store.Catalog.IdentityProvider, errNoProvider))
}

func (s *API) getProvider(ctx context.Context, c *v4.Call) (v4.Response, error) {
	p, err := s.provider(ctx, c)
	if err != nil {
		return v4.Response{}, err
	}
	return v4.Response{Result: s.viewProvider(p.Value, ""), Revision: p.Revision}, nil
}

func (s *API) createProvider(ctx context.Context, c *v4.Call) (v4.Response, error) {
	body, err := c.Object()
	if err == nil {
		err = s.store.Fresh(ctx)
	}
	if err != nil {
		return v4.Response{}, err
	}
	now := proto.At(s.store.Clock.Now())
	p := proto.IdentityProvider{ID: proto.NewID(), CreatedAt: now, UpdatedAt: now, Zone: c.Zone}
	if err := s.readProvider(body, &p, nil); err != nil {
		return v4.Response{}, err
	}
	revision, err := s.addProvider(ctx, c.Account, &p)
	if err != nil {
		return v4.Response{}, err
	}
	return v4.Response{Status: http.StatusCreated, Result: s.viewProvider(&p, newSCIMSecret(&p, nil)), Revision: revision,
		Messages: append(s.sameProviderName(c, &p), s.testProvider(ctx, c.Account, &p)...)}, nil
}

// updateProvider replaces the provider by what is sent. The secret stays where none is sent, and so does
// the issuer.
func (s *API) updateProvider(ctx context.Context, c *v4.Call) (v4.Response, error) {
	body, err := c.Object()
	if err != nil {
		return v4.Response{}, err
	}
	old, err := s.provider(ctx, c)
	if err != nil {
		return v4.Response{}, err
	}
	p := proto.IdentityProvider{ID: old.Value.ID, CreatedAt: old.Value.CreatedAt, UpdatedAt: proto.At(s.store.Clock.Now()), Zone: old.Value.Zone}
	if err := s.readProvider(body, &p, old.Value); err != nil {
		return v4.Response{}, err
	}
	revision, err := s.store.Put(ctx, c.Account, topology.KindIDP, p.ID, &p, store.PriorOf(old))
	if err != nil {
		return v4.Response{}, err
	}
	a := v4.Response{Result: s.viewProvider(&p, newSCIMSecret(&p, old.Value)), Revision: revision}
	if p.Name != old.Value.Name {
		a.Messages = s.sameProviderName(c, &p)
	}
	if !sameProvider(old.Value, &p) {
		a.Messages = append(a.Messages, s.testProvider(ctx, c.Account, &p)...)
	}
	return a, nil
}

// addProvider stores a new provider. Of those with one-time PINs there is one, in each zone and outside of them.
func (s *API) addProvider(ctx context.Context, a proto.Account, p *proto.IdentityProvider) (uint64, error) {
	mine := store.ConfigWrite(a, topology.KindIDP, p.ID, p, store.Prior{})
	if p.Type != typeOnetimepin {
		return s.store.Commit(ctx, a, topology.Config, mine)
	}
	for range store.MaxAttempts {
		claims, err := s.store.Reserve(ctx, a, []string{typeOnetimepin + " " + p.Zone.String()})
		if err == nil {
			err = s.store.Fresh(ctx)
		}
		if err != nil {
			return 0, err
		}
		for _, i := range s.index.account(a).idps.All() {
			if other := i.Value.Value; other.Type == typeOnetimepin && other.Zone == p.Zone {
				return 0, v4.Errorf(http.StatusConflict, v4.CodeConflict, "access.api.error.conflict: there is a one-time PIN identity provider already: %s", other.ID)
			}
		}
		revision, err := s.store.Commit(ctx, a, topology.Config, append(claims, mine)...)
		if !errors.Is(err, bus.ErrConflict) {
			return revision, err
		}
	}
	return 0, v4.ErrConflict
}

// deleteProvider deletes a provider that no policy and no group names. Applications that take logins there keep its
// id in allowed_idps, so that they do not take logins elsewhere instead.
func (s *API) deleteProvider(ctx context.Context, c *v4.Call) (v4.Response, error) {
	for range store.MaxAttempts {
		p, err := s.provider(ctx, c)
		if err != nil {
			return v4.Response{}, err
		}
		names := func(r proto.Rule) bool {
			return r.Selector == "login_method" && ruleNames(r, "id", p.Value.ID) || ruleNames(r, "identity_provider_id", p.Value.ID)
		}
		if err := resource.InUse("identity provider", s.rulesWith(c.Account, p.Value.ID, names)); err != nil {
			return v4.Response{}, err
		}
		err = s.store.Remove(ctx, c.Account, topology.KindIDP, p.Value.ID, store.PriorOf(p))
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		return v4.Response{Status: http.StatusAccepted, Result: v4.IDOnly{ID: p.Value.ID}}, err
	}
	return v4.Response{}, v4.ErrConflict
}

var errNoProvider = v4.Errorf(http.StatusNotFound, v4.CodeNotFound, "access.api.error.not_found")
