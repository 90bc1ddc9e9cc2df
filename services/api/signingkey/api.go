// Package signingkey shows and rotates the keys that sign application tokens. The exchange holds them.
package signingkey

import (
	"plumbline.dev/proto"
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

// API serves the signing keys. It is safe for concurrent use.
type API struct {
	account proto.Account // may change the keys; zero: every account
	store   *store.Store
	served  resource.Parts
}

// New returns the API of the signing keys. account is the account that may change them; zero: every account.
func New(account proto.Account, s *store.Store) *API {
	a := &API{account: account, store: s}
	a.served = resource.Parts{{Routes: a.keyRoutes, Operations: keyOperations}}
	a.served.Register()
	return a
}

// Routes returns the routes of the signing keys.
func (s *API) Routes() []v4.Route { return s.served.Routes() }

// Describe adds the routes of the signing keys to a description.
func (s *API) Describe(d *openapi.Description) { s.served.Describe(d) }
