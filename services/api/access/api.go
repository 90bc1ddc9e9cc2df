// Package access serves Access: applications and their policies, reusable policies, groups, identity providers, tags,
// the organization, service tokens, signing keys, zones and the account.
package access

import (
	"time"

	"filippo.io/age"
	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/store"
)

// Config says what Access serves.
type Config struct {
	// Account is the account that may change the signing keys; zero: every account.
	Account proto.Account
	// SealGateway are the gateways' recipients: the secrets of identity providers are sealed to them. Without one, no
	// such secret is taken.
	SealGateway []age.Recipient
	// TeamDomain is the URL where people log in.
	TeamDomain string
	// Zones are the zones of the configuration. If there are any, only they and the stored ones are served.
	Zones []Zone
	// FreeSecretHost keeps the secret of an identity provider when the host of one of its URLs changes.
	FreeSecretHost bool
	// ProbeTimeout bounds the test of an identity provider that was saved.
	ProbeTimeout time.Duration
}

// API serves Access. It is safe for concurrent use.
type API struct {
	cfg           Config
	store         *store.Store
	index         *index // as far as the store's catalog
	tags          *resource.Kind[proto.Tag, *proto.Tag]
	groups        *resource.Kind[proto.Group, *proto.Group]
	providers     *resource.Kind[proto.IdentityProvider, *proto.IdentityProvider]
	policies      *resource.Kind[proto.Policy, *proto.Policy]
	providerTests *prometheus.CounterVec // by result
}

// New returns the API of Access. It is called before the store runs. providerTests counts tests of identity providers
// by result.
func New(cfg Config, s *store.Store, providerTests *prometheus.CounterVec) *API {
	a := &API{cfg: cfg, store: s, index: newIndex(), providerTests: providerTests}
	a.tags, a.groups, a.providers, a.policies = a.newTags(), a.newGroups(), a.newProviders(), a.newPolicies()
	s.Catalog.Tell(a.index.apply)
	a.register()
	return a
}
