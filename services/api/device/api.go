// Package device serves the inventory: devices in the v4 API and in Plumbline's own endpoints, registrations,
// revocation, and imports of device lists.
package device

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

// maxImports bounds how many imports run at once; further ones wait.
const maxImports = 8

// API serves the inventory. It is safe for concurrent use.
type API struct {
	answerTimeout time.Duration // how long the registry may take to answer
	store         *store.Store
	streams       *v4.Streams
	rows          *prometheus.CounterVec // imported rows, by outcome
	ending        <-chan struct{}        // closed when the service ends
	Inventory     *Inventory             // view of DEVICES
	position      *store.LeaderPosition  // of DEVICES
	imports       chan struct{}          // limits concurrent imports
}

// New returns the API of the inventory. The registry may take answerTimeout for an answer during an import. ending is
// closed when the service ends.
func New(answerTimeout time.Duration, s *store.Store, streams *v4.Streams, ending <-chan struct{},
	rows *prometheus.CounterVec) *API {
	return &API{
		answerTimeout: answerTimeout, store: s, streams: streams, rows: rows, ending: ending,
		Inventory: newInventory(s.Conn, s.Log),
		position:  store.NewLeaderPosition(s.Conn, topology.Devices), imports: make(chan struct{}, maxImports),
	}
}
