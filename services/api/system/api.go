package system

import (
	"context"
	"net/http"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/posture"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

// Deps are the dependencies of the API.
type Deps struct {
	Store   *store.Store
	Streams *v4.Streams
	// Standings returns the status of each integration of an account.
	Standings func(context.Context, proto.Account) ([]posture.Standing, error)
	// Version is the version of this binary, and Schemas are the schemas that it writes for other systems.
	Version string
	Schemas []string
}

// API serves the health of the installation. It is safe for concurrent use.
type API struct {
	Deps
}

// New returns the API.
func New(d Deps) *API { return &API{d} }

const path = "/plumbline/system"

// Routes returns the route.
func (s *API) Routes() []v4.Route {
	return []v4.Route{{Method: http.MethodGet, Path: v4.AccountPath + path, Scope: permission.Results, Handle: s.get}}
}

// Describe adds the route to a description.
func (*API) Describe(d *openapi.Description) {
	d.Add(openapi.Operations{"GET " + path: {
		Summary: "Get the health of the installation",
		Details: "The version of the control plane, NATS, the size of each stream that the control plane may ask about, " +
			"the work that waits for each service, the newest polls of the account and the limits. Problems has what is " +
			"wrong, the most severe first. Streams and queues are of the whole installation, integrations of the account.",
		Result: openapi.Of[view](),
	}}, nil)
}
