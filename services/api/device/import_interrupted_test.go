package device

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/clock"
)

// TestInterruptedImportIsRecorded checks that an import is recorded as unsure if the bus did not say whether it stored
// a command: the registry may process it.
func TestInterruptedImportIsRecorded(t *testing.T) {
	t.Parallel()
	b, account := bustest.Start(t), proto.NewAccount()
	s := store.New(b.Conn(topology.API), bustest.Log(t), clock.System,
		prometheus.NewGauge(prometheus.GaugeOpts{Name: "waiting"}))
	api := New(time.Minute, s, v4.NewStreams(1, nil), nil, nil)
	commands, err := api.newCommands(account)
	if err != nil {
		t.Fatal(err)
	}
	defer commands.Close()
	i := &importing{Permitted: t.Context(), Commands: commands, Result: &Imported{}, Lines: map[proto.ID]int{},
		Chunk: []proto.Device{{ID: proto.NewID()}}}
	if i.Action, err = s.BeginAction(t.Context(), account, i.auditChange()); err != nil {
		t.Fatal(err)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if err = i.Flush(gone); err == nil {
		t.Fatal("the command of a client that is gone was stored")
	}
	i.End(gone, err)
	m, err := b.Conn(topology.Operator).Last(t.Context(), topology.AuditOutbox, topology.ActionOutboxesOf(account))
	if err != nil {
		t.Fatal(err)
	}
	var recorded proto.AuditOutbox
	if err := m.Decode(&recorded); err != nil || recorded.Begun || len(recorded.Events) != 1 {
		t.Fatalf("recorded %+v, %v", recorded, err)
	}
	if e := recorded.Events[0]; e.Action != store.ActionImport || !e.Unsure {
		t.Errorf("recorded %+v", e)
	}
}
