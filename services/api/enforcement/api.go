package enforcement

import (
	"slices"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/device"
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/posture"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

// Deps are the dependencies of the API.
type Deps struct {
	Store   *store.Store
	Device  *device.API
	Posture *posture.API
}

// API serves holds, exemptions and the observe switch. It is safe for concurrent use.
type API struct {
	store   *store.Store
	device  *device.API
	posture *posture.API

	exemptions *resource.Kind[proto.Exemption, *proto.Exemption]
}

// New returns the API of enforcement.
func New(d Deps) *API {
	a := &API{store: d.Store, device: d.Device, posture: d.Posture}
	store.Register(a.store, store.KindHold, a.auditHold)
	a.exemptions = a.newExemptions()
	a.exemptions.Register()
	return a
}

// Routes returns the routes of enforcement.
func (s *API) Routes() []v4.Route {
	return slices.Concat(s.holdRoutes(), s.exemptions.Routes(), s.observeRoutes())
}

// Describe adds the routes of enforcement to a description.
func (s *API) Describe(d *openapi.Description) {
	d.Add(openapi.Union(holdOperations(), s.exemptions.Operations(), observeOperations()), nil)
}
