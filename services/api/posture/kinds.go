package posture

import (
	"slices"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

// register registers the kinds of posture with the audit log.
func (s *API) register() {
	store.Register(s.store, string(topology.KindIntegration),
		func(_ proto.Account, i *proto.Integration) any { return viewIntegration(i) })
	store.Register(s.store, string(topology.KindCheck), func(_ proto.Account, c *proto.Check) any { return viewRule(c) })
}

// Routes returns the routes of integrations, checks, polls and results.
func (s *API) Routes() []v4.Route {
	return slices.Concat(s.integrationRoutes(), s.ruleRoutes(), s.resultRoutes(), s.pollRoutes())
}

// Describe adds the routes of integrations, checks, polls and results to a description.
func Describe(d *openapi.Description) {
	d.Add(operations(), schemas())
	d.Add(resultOperations(), nil)
}
