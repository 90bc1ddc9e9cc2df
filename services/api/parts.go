package api

import (
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/v4"
)

// part is a package of the API.
type part interface {
	// Routes returns the routes.
	Routes() []v4.Route
	// Describe adds the routes to a description.
	Describe(*openapi.Description)
}

// parts returns the packages of the API. A new package is one line here.
func (s *Service) parts() []part {
	return []part{s.access, s.posture, s.device, s.identity, s.apitoken, s.auditlog, s.enforcement, s.policytest, s.trial,
		s.member, s.dashboard, s.fleet, s.entryKeys, s.system, s.organization, s.provider, s.servicetoken, s.signingkey,
		s.zone, s.destination}
}

// routes returns all routes of the API.
func (s *Service) routes() []v4.Route {
	var all []v4.Route
	for _, p := range s.parts() {
		all = append(all, p.Routes()...)
	}
	return all
}

// description returns the OpenAPI description of the API.
func (s *Service) description() *openapi.Description {
	d := &openapi.Description{Operations: openapi.Operations{}, Schemas: openapi.Members{},
		Public: map[string]map[string]any{}}
	for _, p := range s.parts() {
		p.Describe(d)
	}
	return d
}
