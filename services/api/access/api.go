// Package access serves Access: applications and their policies, reusable policies, groups, identity providers, tags,
// the organization and signing keys.
package access

import (
	"time"

	"filippo.io/age"
	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/accessindex"
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/api/zone"
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
	// ConsoleAudiences are the AUDs of the console's applications, which not everyone may change.
	ConsoleAudiences []string
	// FreeSecretHost keeps the secret of an identity provider when the host of one of its URLs changes.
	FreeSecretHost bool
	// ProbeTimeout bounds the test of an identity provider after it was saved.
	ProbeTimeout time.Duration
}

// Deps are the dependencies of the API.
type Deps struct {
	Store         *store.Store
	Index         *accessindex.Index     // of the store
	Zones         *zone.API              // which applications fit a zone
	ProviderTests *prometheus.CounterVec // tests of identity providers, by result
}

// API serves Access. It is safe for concurrent use.
type API struct {
	cfg           Config
	store         *store.Store
	index         *accessindex.Index // in step with the store's catalog
	zones         *zone.API
	served        resource.Parts
	tags          *resource.Kind[proto.Tag, *proto.Tag]
	groups        *resource.Kind[proto.Group, *proto.Group]
	providers     *resource.Kind[proto.IdentityProvider, *proto.IdentityProvider]
	policies      *resource.Kind[proto.Policy, *proto.Policy]
	providerTests *prometheus.CounterVec // by result
}

// New returns the API of Access. Call it before the store runs.
func New(cfg Config, d Deps) *API {
	a := &API{cfg: cfg, store: d.Store, index: d.Index, zones: d.Zones, providerTests: d.ProviderTests}
	a.served = a.parts()
	a.served.Register()
	return a
}

// parts returns everything that Access serves. A new kind is one line here.
func (s *API) parts() resource.Parts {
	s.tags, s.groups, s.providers, s.policies = s.newTags(), s.newGroups(), s.newProviders(), s.newPolicies()
	return resource.Parts{
		s.applicationPart(), s.policyPart(), s.groups.Part(), s.providers.Part(), s.tags.Part(),
		s.organizationPart(),
		{Routes: s.keyRoutes, Operations: keyOperations},
	}
}

// Routes returns the routes of Access.
func (s *API) Routes() []v4.Route { return s.served.Routes() }

// Describe adds the routes of Access to a description.
func (s *API) Describe(d *openapi.Description) { s.served.Describe(d) }
