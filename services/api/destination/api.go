// Package destination serves destinations: systems that receive events. The dispatchers deliver them; this package
// writes their configuration and shows the state that the dispatchers store.
package destination

import (
	"context"
	"time"

	"filippo.io/age"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/deliveries"
)

// Config configures the API of destinations.
type Config struct {
	// SealTo are the dispatchers' recipients, to which URLs, secrets and header values are sealed. Without a recipient, no
	// destination can be stored.
	SealTo []age.Recipient
	// TestTimeout bounds a test message.
	TestTimeout time.Duration
}

// API serves destinations. It is safe for concurrent use.
type API struct {
	cfg    Config
	store  *store.Store
	states *deliveries.View
	kind   *resource.Kind[proto.Destination, *proto.Destination]
	served resource.Parts
}

// New returns the API of destinations. Call it before the store runs.
func New(cfg Config, s *store.Store) *API {
	a := &API{cfg: cfg, store: s, states: deliveries.New(s.Conn)}
	a.kind = a.newKind()
	a.served = resource.Parts{{Register: a.register, Routes: a.routes, Operations: a.operations, Schemas: schemas}}
	a.served.Register()
	return a
}

// register registers the kind with the audit log, where a destination has no state of its deliveries.
func (s *API) register() {
	store.Register(s.store, string(s.kind.Kind), func(_ proto.Account, d *proto.Destination) any { return viewConfig(d) })
}

// Run keeps the states of the deliveries up to date until ctx ends.
func (s *API) Run(ctx context.Context) error { return s.states.Run(ctx) }

// Routes returns the routes of destinations.
func (s *API) Routes() []v4.Route { return s.served.Routes() }

// Describe adds the routes of destinations to a description.
func (s *API) Describe(d *openapi.Description) { s.served.Describe(d) }
