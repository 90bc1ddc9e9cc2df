// Package servicetoken serves service tokens: their credentials, lifetimes and rotation.
package servicetoken

import (
	"plumbline.dev/services/api/accessindex"
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

// API serves service tokens. It is safe for concurrent use.
type API struct {
	store  *store.Store
	index  *accessindex.Index
	served resource.Parts
}

// New returns the API of service tokens. Call it before the store runs.
func New(s *store.Store, x *accessindex.Index) *API {
	a := &API{store: s, index: x}
	a.served = resource.Parts{a.serviceTokenPart()}
	a.served.Register()
	return a
}

// Routes returns the routes of service tokens.
func (s *API) Routes() []v4.Route { return s.served.Routes() }

// Describe adds the routes of service tokens to a description.
func (s *API) Describe(d *openapi.Description) { s.served.Describe(d) }
