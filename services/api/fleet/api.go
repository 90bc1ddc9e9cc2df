// Package fleet lists, filters, counts and exports the devices of an account with their newest results.
//
// # Memory
//
// A request that filters reads the pages of devices and their newest entries once, and keeps them as compact columns
// (package column): about 45 bytes for each device with three checks and one integration, beside the index of the
// inventory. Later requests read again only pages that changed. The columns of an account are dropped [idle] after its
// last request, so a fleet that nobody looks at costs nothing, and a poll costs nothing while nobody looks.
package fleet

import (
	"context"
	"net/http"
	"sync"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
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
	Posture *posture.API
	Streams *v4.Streams
}

// API serves lists of devices with their results. It is safe for concurrent use.
type API struct {
	Deps

	mu       sync.Mutex
	accounts map[proto.Account]*columns
	behind   map[place]bool // pages to read again in the background
	wake     chan struct{}
}

// place is a page of an account.
type place struct {
	account proto.Account
	page    topology.PageNumber
}

// New returns the API.
func New(d Deps) *API {
	return &API{Deps: d, accounts: map[proto.Account]*columns{}, behind: map[place]bool{},
		wake: make(chan struct{}, 1)}
}

// Routes returns the routes of lists.
func (s *API) Routes() []v4.Route {
	const all = v4.AccountPath + "/plumbline/devices"
	results := []v4.Permission{{Scope: permission.Results}}
	return []v4.Route{
		{Method: http.MethodGet, Path: all, Scope: permission.Devices, Also: results, Handle: s.list},
		{Method: http.MethodGet, Path: all + "/counts", Scope: permission.Devices, Also: results, Handle: s.counts},
		{Method: http.MethodGet, Path: all + "/scores", Scope: permission.Devices, Also: results, Handle: s.scores},
		{Method: http.MethodGet, Path: all + "/export", Scope: permission.Devices, Also: results, Stream: s.export},
	}
}

// Bounds of the columns.
const (
	idle      = 10 * time.Minute // how long columns are kept after their last use
	idleCheck = time.Minute
)

// Run reads pages again that requests found outdated, and drops columns that nobody uses, until ctx ends.
func (s *API) Run(ctx context.Context) error {
	look := s.Store.Clock.After(idleCheck)
	for {
		select {
		case <-s.wake:
			s.readBehind(ctx)
		case <-look:
			s.dropIdle(s.Store.Clock.Now())
			look = s.Store.Clock.After(idleCheck)
		case <-ctx.Done():
			return nil
		}
	}
}
