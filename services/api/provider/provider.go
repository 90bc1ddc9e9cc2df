package provider

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/accessrule"
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/catalog"
)

// newProviders returns the kind of identity providers. An update without a secret keeps the secret, and therefore also
// the issuer.
func (s *API) newProviders() *resource.Kind[proto.IdentityProvider, *proto.IdentityProvider] {
	return &resource.Kind[proto.IdentityProvider, *proto.IdentityProvider]{
		Store: s.store, Name: "identity provider", Kind: topology.KindIDP, Path: "/access/identity_providers",
		Scope: permission.Organization,
		Zones: true, NotFound: errNoProvider,
		Find: resource.ByID(s.store.Catalog.IdentityProvider),
		Items: func(a proto.Account) []*store.Item[catalog.Record[proto.IdentityProvider]] {
			return s.index.Account(a).Providers.All()
		},
		Filter: filterProviders,
		Meta: func(_ proto.Account, p *proto.IdentityProvider) resource.Meta {
			return resource.Meta{ID: p.ID, Name: p.Name, Zone: p.Zone}
		},
		New: func(c *v4.Call, now proto.Millis) proto.IdentityProvider {
			return proto.IdentityProvider{ID: proto.NewID(), CreatedAt: now, UpdatedAt: now, Zone: c.Zone}
		},
		Next: func(old *proto.IdentityProvider, now proto.Millis) proto.IdentityProvider {
			return proto.IdentityProvider{ID: old.ID, CreatedAt: old.CreatedAt, UpdatedAt: now, Zone: old.Zone}
		},
		Decode: func(_ proto.Account, body v4.Object, p, old *proto.IdentityProvider) error {
			return s.readProvider(body, p, old)
		},
		Create: s.addProvider,
		Unused: s.providerUnused,
		View:   func(_ proto.Account, p *proto.IdentityProvider) any { return s.viewProvider(p, "") },
		Changed: func(_ proto.Account, p, old *proto.IdentityProvider) any {
			return s.viewProvider(p, newSCIMSecret(p, old))
		},
		Notices: func(ctx context.Context, a proto.Account, p, old *proto.IdentityProvider) []v4.Notice {
			if old != nil && sameProvider(old, p) {
				return nil
			}
			return s.testProvider(ctx, a, p)
		},
		Doc: openapi.Resource{
			One: "an identity provider", Many: "identity providers, the oldest first", View: openapi.Ref("IdentityProvider"),
			Body: openapi.Ref("IdentityProviderBody"), Deleted: openapi.Of[v4.IDOnly](),
			Query: []openapi.Parameter{openapi.NameParam, {Name: "type", Description: "Filter by type.", Schema: openapi.Text()},
				openapi.SearchParam,
				{Name: "scim_enabled", Description: "Filter by whether SCIM is enabled.", Schema: openapi.Enum("true", "false")}},
			BodyDetails: "Secrets are sealed and never returned. A PUT without them keeps them.",
		},
		Schemas: providerSchemas,
	}
}

func filterProviders(q url.Values) func(*proto.IdentityProvider) bool {
	if !v4.HasParam(q, "name", "type", "search", "scim_enabled") {
		return nil
	}
	name, kind, search, scim := q.Get("name"), q.Get("type"), strings.ToLower(q.Get("search")), q.Get("scim_enabled")
	return func(p *proto.IdentityProvider) bool {
		return (name == "" || p.Name == name) && (kind == "" || p.Type == kind) &&
			(scim == "" || scim == strconv.FormatBool(provisions(p))) && strings.Contains(strings.ToLower(p.Name), search)
	}
}

// addProvider stores a new provider. Only one provider of one-time PINs may exist in each zone, and one outside of
// zones.
func (s *API) addProvider(ctx context.Context, a proto.Account, p *proto.IdentityProvider) (uint64, error) {
	mine := store.ConfigWrite(a, topology.KindIDP, p.ID, p, store.Prior{})
	if p.Type != typeOnetimepin {
		return s.store.Commit(ctx, a, topology.Config, mine)
	}
	for range store.MaxAttempts {
		reservations, err := s.store.Reserve(ctx, a, []string{typeOnetimepin + " " + p.Zone.String()})
		if err == nil {
			err = s.store.Fresh(ctx)
		}
		if err != nil {
			return 0, err
		}
		for _, i := range s.index.Account(a).Providers.All() {
			if other := i.Value.Value; other.Type == typeOnetimepin && other.Zone == p.Zone {
				return 0, v4.Errorf(http.StatusConflict, v4.CodeConflict,
					"access.api.error.conflict: a one-time PIN identity provider already exists: %s", other.ID)
			}
		}
		revision, err := s.store.Commit(ctx, a, topology.Config, append(reservations, mine)...)
		if !errors.Is(err, bus.ErrConflict) {
			return revision, err
		}
	}
	return 0, v4.ErrConflict
}

// providerUnused returns an error while a policy or a group names the provider. Applications keep the id of a deleted
// provider in allowed_idps, so that they do not fall back to all providers.
func (s *API) providerUnused(a proto.Account, p *proto.IdentityProvider) error {
	return resource.InUse("identity provider", s.index.RulesWith(a, p.ID, func(r proto.Rule) bool {
		return r.Selector == "login_method" && accessrule.Names(r, "id", p.ID) ||
			accessrule.Names(r, "identity_provider_id", p.ID)
	}))
}

var errNoProvider = v4.Errorf(http.StatusNotFound, v4.CodeNotFound, "access.api.error.not_found")
