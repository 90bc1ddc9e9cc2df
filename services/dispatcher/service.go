package dispatcher

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"

	"filippo.io/age"
	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/deliveries"
	"plumbline.dev/services/internal/egress"
	"plumbline.dev/services/internal/lifecycle"
)

// Deps holds a dispatcher's dependencies.
type Deps struct {
	Bus     *bus.Conn
	Log     *slog.Logger
	Metrics prometheus.Registerer
	Clock   clock.Clock
	// Identities open the destinations' URLs, secrets and headers.
	Identities []age.Identity
}

type logger = *slog.Logger

// Service is one dispatcher. Any number may run.
type Service struct {
	cfg        Config
	bus        *bus.Conn
	log        *slog.Logger
	clock      clock.Clock
	metrics    *metrics
	identities []age.Identity
	catalog    *catalog.Catalog
	states     *deliveries.View
	sender     *sender
	id         proto.ID      // of this process, as the owner of destinations
	ended      chan struct{} // a courier ended
	couriers   atomic.Pointer[[]*courier]
}

// New makes a dispatcher; it does nothing until Run.
func New(cfg Config, deps Deps) (*Service, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	client, err := egress.New(cfg.Egress)
	if err != nil {
		return nil, fmt.Errorf("dispatcher: %w", err)
	}
	s := &Service{cfg: cfg, bus: deps.Bus, log: deps.Log, clock: deps.Clock, identities: deps.Identities,
		catalog: catalog.New(deps.Bus, topology.KindDestination, topology.KindCheck), states: deliveries.New(deps.Bus),
		sender: &sender{client: client, clock: deps.Clock, timeout: cfg.timeout}, id: proto.NewID(),
		ended: make(chan struct{}, 1)}
	if s.metrics, err = newMetrics(deps.Metrics, s); err != nil {
		return nil, err
	}
	return s, nil
}

// Run delivers until ctx ends. Attempts under way are then given up, and made again by another dispatcher.
func (s *Service) Run(ctx context.Context) error {
	defer s.sender.client.CloseIdleConnections()
	if err := s.bus.AwaitTopology(ctx, topology.PostureLog, topology.AccessLogs); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	g := lifecycle.Group{Log: s.log}
	g.Add("configuration", s.catalog.Run)
	g.Add("states of deliveries", s.states.Run)
	g.Add("deliveries", s.manage)
	g.Add("tests of destinations", s.answerTests)
	return g.Run(ctx)
}

// Ready returns an error if the dispatcher cannot work now.
func (s *Service) Ready(ctx context.Context) error {
	if err := s.bus.Ready(ctx); err != nil {
		return err
	}
	now, cancel := context.WithCancel(ctx)
	cancel() // the answer is wanted at once
	if err := s.catalog.Await(now); err != nil {
		return err
	}
	return s.states.Await(now)
}
