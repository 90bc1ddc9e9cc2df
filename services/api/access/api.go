// Package access serves Access: applications and their policies, reusable policies, groups and tags.
package access

import (
	"plumbline.dev/proto"
	"plumbline.dev/services/api/accessindex"
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/api/zone"
)

// Config configures the API of Access.
type Config struct {
	// ConsoleAudiences are the AUDs of the console's applications, which not everyone may change.
	ConsoleAudiences []string
}

// Deps are the dependencies of the API.
type Deps struct {
	Store *store.Store
	Index *accessindex.Index // of the store
	Zones *zone.API          // which applications fit a zone
}

// API serves Access. It is safe for concurrent use.
type API struct {
	cfg      Config
	store    *store.Store
	index    *accessindex.Index // in step with the store's catalog
	zones    *zone.API
	served   resource.Parts
	tags     *resource.Kind[proto.Tag, *proto.Tag]
	groups   *resource.Kind[proto.Group, *proto.Group]
	policies *resource.Kind[proto.Policy, *proto.Policy]
}

// New returns the API of Access. Call it before the store runs.
func New(cfg Config, d Deps) *API {
	a := &API{cfg: cfg, store: d.Store, index: d.Index, zones: d.Zones}
	a.served = a.parts()
	a.served.Register()
	return a
}

// parts returns everything that Access serves. A new kind is one line here.
func (s *API) parts() resource.Parts {
	s.tags, s.groups, s.policies = s.newTags(), s.newGroups(), s.newPolicies()
	return resource.Parts{
		s.applicationPart(), s.policyPart(), s.groups.Part(), s.tags.Part(),
	}
}

// Routes returns the routes of Access.
func (s *API) Routes() []v4.Route { return s.served.Routes() }

// Describe adds the routes of Access to a description.
func (s *API) Describe(d *openapi.Description) { s.served.Describe(d) }
