// Package apitoken serves the API tokens of the API itself and authenticates requests with them: it checks credentials
// and permissions, and records when a token was last used.
package apitoken

import (
	"context"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/person"
	"plumbline.dev/services/api/store"
)

// API serves API tokens. It is the [v4.Edge]'s gate. It is safe for concurrent use.
type API struct {
	store     *store.Store
	uses      *useTracker
	lookUps   chan struct{} // limits lookups with unknown credentials
	zoneKnown func(account, zone proto.Account) bool
	people    people
}

// New returns the API of tokens. Requests for a zone are denied unless zoneKnown reports it.
func New(s *store.Store, zoneKnown func(account, zone proto.Account) bool, p *person.API) *API {
	a := &API{store: s, uses: newUseTracker(s.Conn, s.Log), lookUps: make(chan struct{}, maxLookUps), zoneKnown: zoneKnown,
		people: p}
	a.register()
	return a
}

// Run stores when tokens were last used, until ctx ends.
func (s *API) Run(ctx context.Context) error { return s.uses.Run(ctx) }
