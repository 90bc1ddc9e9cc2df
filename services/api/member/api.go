// Package member serves the members of an account and their roles, in the shape of Cloudflare's account members. A
// member is a person who may use the API through the gateway, with the permissions of their roles.
package member

import (
	"slices"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

// API serves members and roles. It is safe for concurrent use.
type API struct {
	store   *store.Store
	members *resource.Kind[proto.Member, *proto.Member]
}

// New returns the API of members.
func New(s *store.Store) *API {
	a := &API{store: s}
	a.members = a.newMembers()
	a.members.Register()
	return a
}

// Routes returns the routes of members and roles.
func (s *API) Routes() []v4.Route { return slices.Concat(s.members.Routes(), roleRoutes()) }

// Describe adds the routes of members and roles to a description.
func (s *API) Describe(d *openapi.Description) {
	d.Add(openapi.Union(s.members.Operations(), roleOperations()), schemas())
}
