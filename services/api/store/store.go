// Package store reads and changes the buckets of the control plane: CONFIG, TOKENS and HOLDS. Every change is stored in
// one batch with its event for the audit log (the outbox), and a relay publishes the events. Reads include every write
// that was acknowledged before them, by any replica.
//
// The store returns typed errors: [bus.ErrConflict] for a lost race, and errors with a method Unavailable or Invalid,
// which the edge turns into HTTP responses.
package store

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/lifecycle"
)

// Store gives access to the buckets. It is safe for concurrent use.
type Store struct {
	Conn    *bus.Conn
	Log     *slog.Logger
	Clock   clock.Clock
	Catalog *catalog.Catalog // view of CONFIG
	Tokens  *Tokens          // view of TOKENS
	Holds   *Holds           // view of HOLDS
	relay   *relay

	config  *LeaderPosition // of CONFIG
	secrets *LeaderPosition // of TOKENS
	held    *LeaderPosition // of HOLDS
	kinds   map[string]kind // by name
	scans   *scans          // limits reads of a whole inventory, or of much of a log
}

// New returns a store. owed is the gauge of waiting outbox messages.
func New(conn *bus.Conn, log *slog.Logger, c clock.Clock, owed prometheus.Gauge) *Store {
	return &Store{
		Conn: conn, Log: log, Clock: c, Catalog: catalog.New(conn), Tokens: newTokens(conn),
		Holds: newHolds(conn), held: NewLeaderPosition(conn, topology.Holds),
		relay: newRelay(conn, log, c, owed), config: NewLeaderPosition(conn, topology.Config),
		secrets: NewLeaderPosition(conn, topology.Tokens), kinds: map[string]kind{}, scans: newScans(),
	}
}

// AddTo adds the views and the relay to the processes of a service.
func (s *Store) AddTo(g *lifecycle.Group) {
	g.Add("view of the configuration", s.Catalog.Run)
	g.Add("view of the tokens", s.Tokens.Run)
	g.Add("view of the holds", s.Holds.Run)
	g.Add("view of the uses of service tokens", s.Tokens.RunLastSeen)
	g.Add("audit log", s.relay.Run)
}

// Await waits until the views are complete.
func (s *Store) Await(ctx context.Context) error {
	if err := s.Catalog.Await(ctx); err != nil {
		return err
	}
	if err := s.Tokens.Await(ctx); err != nil {
		return err
	}
	return s.Holds.Await(ctx)
}
