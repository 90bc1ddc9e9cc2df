package registry

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/clock"
)

// The store loses a page while a registry runs. The registry is no longer ready, without a command for the page, and is
// ready again when the page is back.
func TestALostPageIsNoticedWithoutACommand(t *testing.T) {
	w := newFixture(t)
	fake := clock.NewFake(time.Now())
	s, err := New(Config{}, Deps{Bus: w.bus.Conn(topology.Registry), Log: bustest.Log(t),
		Metrics: prometheus.NewRegistry(), Clock: fake})
	if err != nil {
		t.Fatal(err)
	}
	defer w.start(s.Run)()
	w.ready(s)
	w.do(&proto.Command{Upsert: fleet(0, 3)})
	operator := w.bus.Conn(topology.Operator)
	stream := topology.BucketStream(topology.Devices)
	subject := topology.BucketSubject(topology.Devices, topology.PageKey(w.account, 0))
	page, err := operator.Last(t.Context(), stream, subject)
	if err != nil {
		t.Fatal(err)
	}
	devices, err := operator.JetStream().Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	if err := devices.Purge(t.Context(), jetstream.WithPurgeSubject(subject)); err != nil {
		t.Fatal(err)
	}
	if err := s.Ready(t.Context()); err != nil {
		t.Fatalf("before the comparison: %v", err)
	}
	bustest.Eventually(t, "the loss is noticed", func() bool {
		fake.Advance(storedEvery)
		err := s.Ready(t.Context())
		return errors.Is(err, errLost) && strings.Contains(err.Error(), topology.PageKey(w.account, 0))
	})
	if _, err := operator.JetStream().Publish(t.Context(), subject, page.Data); err != nil {
		t.Fatal(err)
	}
	bustest.Eventually(t, "the registry is ready again", func() bool {
		fake.Advance(storedEvery)
		return s.unstoredPages.Load() == nil
	})
}
