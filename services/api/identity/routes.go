package identity

import (
	"slices"

	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/v4"
)

// Routes returns the routes of people, sessions and authentications.
func (s *API) Routes() []v4.Route {
	return slices.Concat(s.peopleRoutes(), s.revocationRoutes(), s.accessLogRoutes())
}

// Describe adds the routes of people, sessions and authentications to a description.
func (*API) Describe(d *openapi.Description) { d.Add(operations(), nil) }
