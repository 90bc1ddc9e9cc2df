// Package apitoken serves the tokens of the API, and admits requests by them: it authenticates, authorizes, and notes
// when a token was last used.
package apitoken

import (
	"context"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/store"
)

// API serves API tokens. It is the gate of the edge, see [v4.Gate]. It is safe for concurrent use.
type API struct {
	store     *store.Store
	uses      *useTracker
	lookUps   chan struct{} // a place for each caller who is not known yet
	zoneKnown func(account, zone proto.Account) bool
}

// New returns the API of tokens. Requests for a zone that zoneKnown does not report are denied.
func New(s *store.Store, zoneKnown func(account, zone proto.Account) bool) *API {
	a := &API{store: s, uses: newUseTracker(s.Conn, s.Log), lookUps: make(chan struct{}, maxLookUps), zoneKnown: zoneKnown}
	a.register()
	return a
}

// Run stores when tokens were last used, until ctx ends.
func (s *API) Run(ctx context.Context) error { return s.uses.Run(ctx) }
