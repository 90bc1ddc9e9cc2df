package plumb

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/bustest/machine"
	"plumbline.dev/bus/topology"
	"plumbline.dev/services/internal/clock"
)

// A server that lost the others accepts connections, and its JetStream answers nothing: a service that starts
// meanwhile waits, and is ready once they are back.
func TestServicesWaitForJetStream(t *testing.T) {
	t.Parallel()
	n := bustest.StartNetwork(t)
	free := func() string {
		addr, err := machine.FreeAddr()
		if err != nil {
			t.Fatal(err)
		}
		return addr
	}
	s, err := New(Config{Data: t.TempDir(), APIAddr: free(), AccessAddr: free(), AdminAddr: free(), TeamDomain: "http://team.test",
		MinInterval: time.Second}, Deps{Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(), Clock: clock.System})
	if err != nil {
		t.Fatal(err)
	}
	secrets, err := s.open()
	if err != nil {
		t.Fatal(err)
	}
	n.Partition(0)
	alone := n.ConnTo(0, topology.Operator)
	bustest.Eventually(t, "JetStream answers nothing", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := alone.JetStream().AccountInfo(ctx)
		return err != nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	parts := map[string]part{}
	for _, m := range s.makers(secrets) {
		p, err := m.make(n.ConnTo(0, m.role))
		if err != nil {
			t.Fatal(err)
		}
		parts[string(m.role)] = p
		running.Go(func() {
			if err := p.Run(ctx); err != nil || ctx.Err() == nil {
				t.Errorf("%s ended with %v", m.role, err)
			}
		})
	}
	ready := func(p part) error {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		return p.Ready(ctx)
	}
	// For longer than the client waits for an answer.
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for range 12 {
		<-second.C
		for name, p := range parts {
			if ready(p) == nil {
				t.Errorf("%s is ready without JetStream", name)
			}
		}
	}
	n.Heal()
	for name, p := range parts {
		bustest.Eventually(t, name+" is ready", func() bool { return ready(p) == nil })
	}
}
