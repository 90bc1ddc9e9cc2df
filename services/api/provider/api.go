// Package provider serves identity providers, and has a gateway test those that are saved.
package provider

import (
	"time"

	"filippo.io/age"
	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/services/api/accessindex"
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

// Config configures the API of identity providers.
type Config struct {
	// SealGateway are the gateways' recipients, to which the secrets of identity providers are sealed. Without a
	// recipient, a provider with a secret is rejected.
	SealGateway []age.Recipient
	// TeamDomain is the URL of the login pages.
	TeamDomain string
	// FreeSecretHost keeps the secret of an identity provider when the host of one of its URLs changes.
	FreeSecretHost bool
	// ProbeTimeout bounds the test of an identity provider after it was saved.
	ProbeTimeout time.Duration
}

// API serves identity providers. It is safe for concurrent use.
type API struct {
	cfg    Config
	store  *store.Store
	index  *accessindex.Index
	tests  *prometheus.CounterVec // by result
	served resource.Parts
}

// New returns the API of identity providers. Call it before the store runs. tests counts tests of identity providers by
// result.
func New(cfg Config, s *store.Store, x *accessindex.Index, tests *prometheus.CounterVec) *API {
	a := &API{cfg: cfg, store: s, index: x, tests: tests}
	a.served = resource.Parts{a.newProviders().Part()}
	a.served.Register()
	return a
}

// Routes returns the routes of identity providers.
func (s *API) Routes() []v4.Route { return s.served.Routes() }

// Describe adds the routes of identity providers to a description.
func (s *API) Describe(d *openapi.Description) { s.served.Describe(d) }
