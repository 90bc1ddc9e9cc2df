package enforcement_test

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api"
	"plumbline.dev/services/api/apitest"
)

// A replica stops in the middle of many ends, and another one goes on: nothing is lost or told twice.
func TestStopAmongManyEnds(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	f.Stop()
	const n = 1500
	var all []bus.Outgoing
	for range n {
		x := proto.Exemption{ID: proto.NewID(), Device: f.Devices[0], DeviceName: "S-1", Reason: "r",
			Until: proto.At(f.Clock.Now().Add(-time.Hour)), CreatedAt: 1}
		all = append(all, bus.PutMsg(topology.Config, topology.ConfigKey(f.Account, topology.KindExemption, x.ID), &x, 0))
		if len(all) == n/3 {
			if _, err := f.Conn.Commit(t.Context(), all); err != nil {
				t.Fatal(err)
			}
			all = nil
		}
	}
	told := func() (n int) {
		for _, e := range f.PublishedEvents() {
			if e.Action == "end" {
				n++
			}
		}
		return n
	}
	// The first replica is stopped as soon as it has ended some.
	s, err := api.New(f.Config, api.Deps{Bus: f.Bus.Conn(topology.API), Log: bustest.Log(t),
		Metrics: prometheus.NewRegistry(), Clock: f.Clock})
	if err != nil {
		t.Fatal(err)
	}
	stop := bustest.Run(t, s.Run)
	bustest.Eventually(t, "some have ended", func() bool { return told() > 0 })
	stop()
	between := told()
	f.Fixture = f.At(f.Replica())
	bustest.Eventually(t, "all have ended", func() bool { return told() >= n })
	if got := ends(f.Fixture); len(got) != n {
		t.Errorf("%d of %d ends are told, %d of them when the first replica stopped", len(got), n, between)
	}
	t.Logf("%d of %d had ended when the first replica stopped", between, n)
}
