package busload_test

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/busload"
)

// Every role has the permissions for its dashboard, which would otherwise be empty.
func TestEveryRoleSeesItsStreamsAndConsumers(t *testing.T) {
	b, r := bustest.Start(t), prometheus.NewRegistry()
	for _, role := range topology.Roles() {
		l, err := busload.New(role, b.Conn(role), r, bustest.Log(t))
		if err != nil {
			t.Fatal(err)
		}
		l.Ask(t.Context())
		if got := testutil.CollectAndCount(l, "plumbline_bus_stream_messages"); got != len(topology.StreamsOf(role)) {
			t.Errorf("%s sees %d streams of %v", role, got, topology.StreamsOf(role))
		}
		if got := testutil.CollectAndCount(l, "plumbline_bus_consumer_pending"); got != len(topology.DurablesOf(role)) {
			t.Errorf("%s sees %d consumers of %v", role, got, topology.DurablesOf(role))
		}
	}
	if problems, err := testutil.GatherAndLint(r); err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
}

func TestWhatWaitsIsShown(t *testing.T) {
	b := bustest.Start(t)
	api := b.Conn(topology.API)
	l, err := busload.New(topology.Registry, b.Conn(topology.Registry), prometheus.NewRegistry(), bustest.Log(t))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := api.Publish(t.Context(),
			bus.Outgoing{Subject: topology.Command(proto.Account{1}), Body: &proto.Command{}}); err != nil {
			t.Fatal(err)
		}
	}
	l.Ask(t.Context())
	want := `
# HELP plumbline_bus_consumer_pending Messages not yet delivered by a consumer.
# TYPE plumbline_bus_consumer_pending gauge
plumbline_bus_consumer_pending{consumer="registry",role="registry",stream="DEVICE_COMMANDS"} 3
# HELP plumbline_bus_stream_written_total Messages ever written to a stream.
# TYPE plumbline_bus_stream_written_total counter
plumbline_bus_stream_written_total{role="registry",stream="DEVICE_COMMANDS"} 3
plumbline_bus_stream_written_total{role="registry",stream="POSTURE_DEAD"} 0
`
	if err := testutil.CollectAndCompare(l, strings.NewReader(want), "plumbline_bus_consumer_pending",
		"plumbline_bus_stream_written_total"); err != nil {
		t.Error(err)
	}
	b.Server(0).Close()
	bustest.Eventually(t, "the connection is shown as lost", func() bool {
		return testutil.CollectAndCompare(l, strings.NewReader(`
# HELP plumbline_bus_connected 1 while connected to NATS.
# TYPE plumbline_bus_connected gauge
plumbline_bus_connected{role="registry"} 0
`), "plumbline_bus_connected") == nil
	})
}
