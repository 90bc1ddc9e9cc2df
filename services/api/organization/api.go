// Package organization serves the organization of an account, which has the account's settings of Access.
package organization

import (
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

// API serves the organization. It is safe for concurrent use.
type API struct {
	teamDomain string // URL of the login pages
	store      *store.Store
	served     resource.Parts
}

// New returns the API of the organization. teamDomain is the URL of the login pages. Call it before the store runs.
func New(teamDomain string, s *store.Store) *API {
	a := &API{teamDomain: teamDomain, store: s}
	a.served = resource.Parts{a.organizationPart()}
	a.served.Register()
	return a
}

// Routes returns the routes of the organization.
func (s *API) Routes() []v4.Route { return s.served.Routes() }

// Describe adds the routes of the organization to a description.
func (s *API) Describe(d *openapi.Description) { s.served.Describe(d) }
