package plumb

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/services/internal/clock"
)

// services are all services, on a cluster in place of a server of their own.
type services struct {
	*Service
	secrets secrets
	parts   map[string]part
}

// startServices runs every service on a connection of its own until the test ends. prepare is called before.
func startServices(t *testing.T, prepare func(), connect func(topology.Role) *bus.Conn) *services {
	t.Helper()
	s, err := New(Config{Data: t.TempDir(), APIAddr: bustest.FreeAddr(t), AccessAddr: bustest.FreeAddr(t),
		AdminAddr: bustest.FreeAddr(t), TeamDomain: "http://team.test", MinInterval: time.Second},
		Deps{Log: bustest.Log(t), Metrics: prometheus.NewRegistry(), Clock: clock.System})
	if err != nil {
		t.Fatal(err)
	}
	all := &services{Service: s, parts: map[string]part{}}
	if all.secrets, err = s.open(); err != nil {
		t.Fatal(err)
	}
	prepare()
	for _, m := range s.makers(all.secrets) {
		p, err := m.make(connect(m.role))
		if err != nil {
			t.Fatal(err)
		}
		all.parts[string(m.role)] = p
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	t.Cleanup(func() { // before the connections are closed, which were made earlier
		cancel()
		running.Wait()
	})
	for role, p := range all.parts {
		running.Go(func() {
			if err := p.Run(ctx); err != nil || ctx.Err() == nil {
				t.Errorf("%s ended with %v", role, err)
			}
		})
	}
	return all
}

func (s *services) ready(t *testing.T, name string) error {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	return s.parts[name].Ready(ctx)
}

// awaitReady waits until every service is ready.
func (s *services) awaitReady(t *testing.T) {
	t.Helper()
	for name := range s.parts {
		bustest.Eventually(t, name+" is ready", func() bool { return s.ready(t, name) == nil })
	}
}

// A server without a quorum accepts connections, but its JetStream does not respond: a service started then waits, and
// becomes ready when the other servers return.
func TestServicesWaitForJetStream(t *testing.T) {
	t.Parallel()
	n := bustest.StartNetwork(t)
	s := startServices(t, func() {
		n.Partition(0)
		alone := n.ConnTo(0, topology.Operator)
		bustest.Eventually(t, "JetStream answers nothing", func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := alone.JetStream().AccountInfo(ctx)
			return err != nil
		})
		// A partitioned leader continues to reply; its replies do not count as current once it has lost its followers.
		for _, stream := range topology.Streams(topology.Options{}) {
			bustest.Eventually(t, stream.Name+" is led by nobody who hears from others", func() bool {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				p, err := alone.Position(ctx, stream.Name)
				return err != nil || p.Heard > 4*time.Second
			})
		}
	}, func(role topology.Role) *bus.Conn { return n.ConnTo(0, role) })
	// For longer than the client waits for an answer.
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for range 12 {
		<-second.C
		for name := range s.parts {
			if s.ready(t, name) == nil {
				t.Errorf("%s is ready without JetStream", name)
			}
		}
	}
	n.Heal()
	s.awaitReady(t)
}
