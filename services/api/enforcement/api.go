package enforcement

import (
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

// API serves holds, exemptions and the observe switch. It is safe for concurrent use.
type API struct {
	store *store.Store
}

// New returns the API of enforcement.
func New(s *store.Store) *API { return &API{store: s} }

// Routes returns the routes of enforcement.
func (s *API) Routes() []v4.Route { return nil }

// Describe adds the routes of enforcement to a description.
func Describe(d *openapi.Description) { d.Add(nil, nil) }
