// Package zone serves the account and its zones, and decides which applications fit a zone.
package zone

import (
	"plumbline.dev/services/api/accessindex"
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

// Config configures the API of zones.
type Config struct {
	// Zones are the zones of the configuration. If there are any, only they and the stored ones are served.
	Zones []Configured
	// TeamDomain is the URL of the login pages, which no application of a zone may cover.
	TeamDomain string
}

// API serves zones and the account. It is safe for concurrent use.
type API struct {
	cfg    Config
	store  *store.Store
	index  *accessindex.Index
	served resource.Parts
}

// New returns the API of zones. Call it before the store runs.
func New(cfg Config, s *store.Store, x *accessindex.Index) *API {
	a := &API{cfg: cfg, store: s, index: x}
	a.served = resource.Parts{a.zonePart(), {Routes: a.accountRoutes, Operations: accountOperations}}
	a.served.Register()
	return a
}

// Routes returns the routes of zones and of the account.
func (s *API) Routes() []v4.Route { return s.served.Routes() }

// Describe adds the routes of zones and of the account to a description.
func (s *API) Describe(d *openapi.Description) { s.served.Describe(d) }
