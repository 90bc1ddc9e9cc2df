package scheduler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/lifecycle"
)

// Deps holds the scheduler's dependencies.
type Deps struct {
	Bus     *bus.Conn
	Log     *slog.Logger
	Metrics prometheus.Registerer
	Clock   clock.Clock
	// ServerTime is the server's clock; nil means that of POSTURE_TICKS. Tests set another one.
	ServerTime ServerTime
}

// Service is one scheduler. Any number may run at once.
type Service struct {
	cfg     Config
	bus     *bus.Conn
	log     *slog.Logger
	clock   clock.Clock
	server  *serverClock
	metrics *metrics
	catalog *catalog.Catalog

	// The loop's own: nothing else touches them while it runs.
	entries  map[key]*entry
	revision uint64 // the catalog's revision behind the entries
	ownClock bool   // the scheduler's clock is known to be wrong

	// trouble is the reason the last pass failed, or nil.
	trouble atomic.Pointer[error]
}

// New makes a scheduler; it does nothing until Run.
func New(cfg Config, deps Deps) (*Service, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if deps.ServerTime == nil {
		deps.ServerTime = streamTime(deps.Bus)
	}
	s := &Service{cfg: cfg, bus: deps.Bus, log: deps.Log, clock: deps.Clock, entries: map[key]*entry{},
		server:  &serverClock{ask: deps.ServerTime, local: deps.Clock},
		catalog: catalog.New(deps.Bus, topology.KindIntegration)}
	if s.metrics, err = newMetrics(deps.Metrics); err != nil {
		return nil, err
	}
	starting := errors.New("the integrations are being loaded")
	s.trouble.Store(&starting)
	return s, nil
}

// Run publishes ticks until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	if err := s.bus.AwaitTopology(ctx, topology.PostureTicks); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	g := lifecycle.Group{Log: s.log}
	g.Add("catalog", s.catalog.Run)
	g.Add("ticks", s.loop)
	return g.Run(ctx)
}

// Ready returns an error if ticks are not published now.
func (s *Service) Ready(ctx context.Context) error {
	if err := s.bus.Ready(ctx); err != nil {
		return err
	}
	now, cancel := context.WithCancel(ctx)
	cancel() // the answer is wanted at once
	if err := s.catalog.Await(now); err != nil {
		return err
	}
	if why := s.trouble.Load(); why != nil {
		return fmt.Errorf("ticks are not published: %w", *why)
	}
	return nil
}

func (s *Service) loop(ctx context.Context) error {
	if err := s.catalog.Await(ctx); err != nil {
		return nil // only the end of ctx ends this wait
	}
	for ctx.Err() == nil {
		changed := s.catalog.Changed() // before the pass, so it sees every change the pass misses
		sleep, err := s.pass(ctx)
		if err != nil && ctx.Err() == nil {
			s.trouble.Store(&err)
			s.log.Warn("ticks cannot be published, trying again", "err", err)
			sleep = time.Second
		} else {
			s.trouble.Store(nil)
		}
		select {
		case <-ctx.Done():
		case <-changed:
		case <-s.clock.After(sleep):
		}
	}
	return nil
}
