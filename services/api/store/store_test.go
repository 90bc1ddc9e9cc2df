package store_test

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/store"
)

// newStore returns a store on the fixture's bus beside that of its api. Its views and its relay do not run.
func newStore(t *testing.T, f *apitest.Fixture) *store.Store {
	t.Helper()
	waiting := prometheus.NewGauge(prometheus.GaugeOpts{Name: "waiting"})
	return store.New(f.Bus.Conn(topology.API), bustest.Log(t), f.Clock, waiting)
}
