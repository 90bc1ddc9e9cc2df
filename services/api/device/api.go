// Package device is the inventory: the devices of the v4 API and of Plumbline's own endpoints, their registrations and
// revocations, and the import of lists.
package device

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

// Config says how devices are imported.
type Config struct {
	// AnswerTimeout is how long the registry may be silent.
	AnswerTimeout time.Duration
	// Imports bounds how many imports run at once; the next ones wait.
	Imports int
	// TempDir is where imports keep, for their duration, the rows that have no device_id.
	TempDir string
}

// API serves the inventory. It is safe for concurrent use.
type API struct {
	cfg       Config
	store     *store.Store
	streams   *v4.Streams
	rows      *prometheus.CounterVec // of imports, by outcome
	ending    <-chan struct{}        // closed when the service ends
	Inventory *Inventory             // view of DEVICES
	position  *store.LeaderPosition  // of DEVICES
	imports   chan struct{}          // a place for each import
}

// New returns the API of the inventory. ending is closed when the service ends.
func New(cfg Config, s *store.Store, streams *v4.Streams, ending <-chan struct{}, rows *prometheus.CounterVec) *API {
	return &API{
		cfg: cfg, store: s, streams: streams, rows: rows, ending: ending, Inventory: newInventory(s.Conn, s.Log),
		position: store.NewLeaderPosition(s.Conn, topology.Devices), imports: make(chan struct{}, cfg.Imports),
	}
}
