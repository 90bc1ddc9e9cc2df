package posture

import (
	"slices"

	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/v4"
)

// Routes returns the routes of integrations, checks, polls and results.
func (s *API) Routes() []v4.Route {
	return slices.Concat(s.integrations.Routes(), s.checks.Routes(), s.resultRoutes(), s.pollRoutes(), s.testRoutes())
}

// Describe adds the routes of integrations, checks, polls and results to a description.
func (s *API) Describe(d *openapi.Description) {
	d.Add(s.operations(), schemas())
	d.Add(resultOperations(), nil)
	d.Add(testOperations(), nil)
}
