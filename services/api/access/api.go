// Package access serves Access: applications and their policies, reusable policies, groups, identity providers, tags,
// the organization, service tokens, signing keys, zones and the account.
package access

import (
	"slices"
	"time"

	"filippo.io/age"
	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

// Config configures the API of Access.
type Config struct {
	// Account is the account that may change the signing keys; zero: every account.
	Account proto.Account
	// SealGateway are the gateways' recipients, to which the secrets of identity providers are sealed. Without a
	// recipient, a provider with a secret is rejected.
	SealGateway []age.Recipient
	// TeamDomain is the URL of the login pages.
	TeamDomain string
	// Zones are the zones of the configuration. If there are any, only they and the stored ones are served.
	Zones []Zone
	// FreeSecretHost keeps the secret of an identity provider when the host of one of its URLs changes.
	FreeSecretHost bool
	// ProbeTimeout bounds the test of an identity provider after it was saved.
	ProbeTimeout time.Duration
}

// API serves Access. It is safe for concurrent use.
type API struct {
	cfg           Config
	store         *store.Store
	index         *index // in step with the store's catalog
	tags          *resource.Kind[proto.Tag, *proto.Tag]
	groups        *resource.Kind[proto.Group, *proto.Group]
	providers     *resource.Kind[proto.IdentityProvider, *proto.IdentityProvider]
	policies      *resource.Kind[proto.Policy, *proto.Policy]
	providerTests *prometheus.CounterVec // by result
	checkApps     checkApplications
}

// New returns the API of Access. Call it before the store runs. providerTests counts tests of identity providers by
// result.
func New(cfg Config, s *store.Store, providerTests *prometheus.CounterVec) *API {
	a := &API{cfg: cfg, store: s, index: newIndex(), providerTests: providerTests}
	a.tags, a.groups, a.providers, a.policies = a.newTags(), a.newGroups(), a.newProviders(), a.newPolicies()
	s.Catalog.Tell(a.index.apply)
	a.register()
	return a
}

// register registers the kinds of Access with the audit log.
func (s *API) register() {
	s.tags.Register()
	s.groups.Register()
	s.providers.Register()
	store.Register(s.store, string(topology.KindPolicy),
		func(a proto.Account, p *proto.Policy) any { return s.ViewPolicy(a, p, 0) })
	store.Register(s.store, string(topology.KindApplication),
		func(a proto.Account, app *proto.Application) any { return s.showApplication(a, app) })
	store.Register(s.store, string(topology.KindOrganization),
		func(_ proto.Account, o *proto.Organization) any { return s.viewOrganization(o) })
	store.Register(s.store, string(topology.KindZone),
		func(_ proto.Account, z *proto.Zone) any { return zoneSeen{z.Name, z.Hosts} })
	store.Register(s.store, "service_token", func(a proto.Account, t *proto.ServiceToken) any {
		key, _ := topology.ServiceTokenKey(a, t.ClientID)
		return s.viewServiceToken(key, t, "")
	})
}

// Routes returns the routes of Access.
func (s *API) Routes() []v4.Route {
	return slices.Concat(
		s.applicationRoutes(), s.policies.Routes(), s.groups.Routes(), s.providers.Routes(), s.tags.Routes(),
		s.organizationRoutes(), s.keyRoutes(),
		s.serviceTokenRoutes(), s.accountRoutes(), s.zoneRoutes(),
	)
}

// Describe adds the routes of Access to a description.
func (s *API) Describe(d *openapi.Description) {
	d.Add(s.operations(), schemas())
	d.Add(accountOperations(), nil)
}
