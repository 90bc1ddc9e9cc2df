package dashboard

import (
	"net/http"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/device"
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/posture"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

// Access is what the dashboard needs to know about Access.
type Access interface {
	// CheckApplications returns how many applications have a policy with a rule about each check.
	CheckApplications(a proto.Account) map[proto.ID]int
	// RulesNaming returns how many rules of policies and groups name an id.
	RulesNaming(a proto.Account, id proto.ID) int
}

// Deps are the dependencies of the API.
type Deps struct {
	Store   *store.Store
	Device  *device.API
	Posture *posture.API
	Access  Access
}

// API serves the overview. It is safe for concurrent use.
type API struct {
	Deps
}

// New returns the API.
func New(d Deps) *API { return &API{d} }

const path = "/plumbline/overview"

// Routes returns the route of the overview.
func (s *API) Routes() []v4.Route {
	return []v4.Route{{Method: http.MethodGet, Path: v4.AccountPath + path, Scope: permission.Results, Handle: s.get}}
}

// Describe adds the route of the overview to a description.
func (*API) Describe(d *openapi.Description) {
	d.Add(openapi.Operations{"GET " + path: {
		Summary: "Get an overview of the account",
		Details: "Outcomes of each check with a few earlier polls, the status and the freshness of each integration's " +
			"pages, " +
			"and what ends within the next days. The members exemptions, service_tokens and api_tokens are null without the " +
			"permission to read them. It reads no results, so that it is as quick for 1,000,000 devices as for ten.",
		Result: openapi.Of[view](),
	}}, nil)
}
