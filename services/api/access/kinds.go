package access

import (
	"slices"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

// register names the kinds of Access for the audit log.
func (s *API) register() {
	s.tags.Register()
	s.groups.Register()
	s.providers.Register()
	store.Register(s.store, string(topology.KindPolicy), func(a proto.Account, p *proto.Policy) any { return s.ViewPolicy(a, p, 0) })
	store.Register(s.store, string(topology.KindApplication), func(a proto.Account, app *proto.Application) any { return s.showApplication(a, app) })
	store.Register(s.store, string(topology.KindOrganization), func(_ proto.Account, o *proto.Organization) any { return s.viewOrganization(o) })
	store.Register(s.store, string(topology.KindZone), func(_ proto.Account, z *proto.Zone) any { return zoneSeen{z.Name, z.Hosts} })
	store.Register(s.store, "service_token", func(a proto.Account, t *proto.ServiceToken) any {
		key, _ := topology.ServiceTokenKey(a, t.ClientID)
		return s.viewServiceToken(key, t, "")
	})
}

// Routes returns the routes of Access.
func (s *API) Routes() []v4.Route {
	return slices.Concat(
		s.applicationRoutes(), s.policies.Routes(), s.groups.Routes(), s.providers.Routes(), s.tags.Routes(), s.organizationRoutes(), s.keyRoutes(),
		s.serviceTokenRoutes(), s.accountRoutes(), s.zoneRoutes(),
	)
}

// Describe describes the routes of Access.
func (s *API) Describe(d *openapi.Description) {
	d.Add(s.operations(), schemas())
	d.Add(accountOperations(), nil)
}
