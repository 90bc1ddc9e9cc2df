package policytest

import (
	"context"
	"net/http"
	"sync"

	"plumbline.dev/services/api/access"
	"plumbline.dev/services/api/device"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/posture"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

// Deps are the dependencies of the API.
type Deps struct {
	Store   *store.Store
	Device  *device.API
	Access  *access.API
	Posture *posture.API
}

// API runs policy tests and serves their results. It is safe for concurrent use.
type API struct {
	store   *store.Store
	device  *device.API
	access  *access.API
	posture *posture.API
	slots   chan struct{} // one for each test that is accepted and not over
	pending chan *test
}

// maxTests bounds the tests that a replica runs at once.
const maxTests = 2

// New returns the API of policy tests.
func New(d Deps) *API {
	return &API{store: d.Store, device: d.Device, access: d.Access, posture: d.Posture,
		slots: make(chan struct{}, maxTests), pending: make(chan *test, maxTests)}
}

// Routes returns the routes of policy tests.
func (s *API) Routes() []v4.Route {
	const all, one = v4.AccountPath + "/access/policy-tests", v4.AccountPath + "/access/policy-tests/{id}"
	return []v4.Route{
		{Method: http.MethodPost, Path: all, Scope: permission.PolicyTests, Handle: s.start},
		{Method: http.MethodGet, Path: one, Scope: permission.PolicyTests, Handle: s.progress},
		{Method: http.MethodGet, Path: one + "/users", Scope: permission.PolicyTests, Handle: s.users},
	}
}

// Run runs the accepted tests until ctx ends, which also ends the running ones.
func (s *API) Run(ctx context.Context) error {
	var workers sync.WaitGroup
	for range maxTests {
		workers.Go(func() {
			for {
				select {
				case t := <-s.pending:
					t.execute(ctx)
					<-s.slots
				case <-ctx.Done():
					return
				}
			}
		})
	}
	workers.Wait()
	return nil
}
