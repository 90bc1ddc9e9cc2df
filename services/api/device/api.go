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

// maxImports bounds how many imports run at once; the next ones wait.
const maxImports = 8

// API serves the inventory. It is safe for concurrent use.
type API struct {
	answerTimeout time.Duration // how long the registry may be silent
	store         *store.Store
	streams       *v4.Streams
	rows          *prometheus.CounterVec // of imports, by outcome
	ending        <-chan struct{}        // closed when the service ends
	Inventory     *Inventory             // view of DEVICES
	position      *store.LeaderPosition  // of DEVICES
	imports       chan struct{}          // a place for each import
}

// New returns the API of the inventory. The registry may be silent for answerTimeout during an import. ending is closed when the service ends.
func New(answerTimeout time.Duration, s *store.Store, streams *v4.Streams, ending <-chan struct{}, rows *prometheus.CounterVec) *API {
	return &API{
		answerTimeout: answerTimeout, store: s, streams: streams, rows: rows, ending: ending, Inventory: newInventory(s.Conn, s.Log),
		position: store.NewLeaderPosition(s.Conn, topology.Devices), imports: make(chan struct{}, maxImports),
	}
}
