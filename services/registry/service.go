package registry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus"
	"plumbline.dev/bus/stage"
	"plumbline.dev/bus/topology"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/lifecycle"
)

// stageName names the service's stage in dead letters.
const stageName = "registry"

// Deps holds the registry's dependencies.
type Deps struct {
	Bus     *bus.Conn
	Log     *slog.Logger
	Metrics prometheus.Registerer
	Clock   clock.Clock
}

// Service is one registry. Any number may run; one at a time has a command.
type Service struct {
	bus     *bus.Conn
	log     *slog.Logger
	clock   clock.Clock
	metrics *metrics
	limits  limits
	index   *index
	// seen is the revision the index must reach before the next decision.
	seen atomic.Uint64
	// trouble is why the command at hand has to be tried again, nil while all is well.
	trouble atomic.Pointer[error]
	// unstoredPages is why pages of the index are missing in the store, nil if none is.
	unstoredPages atomic.Pointer[error]
}

// New makes a registry; it does nothing until Run.
func New(cfg Config, deps Deps) (*Service, error) {
	limits, err := cfg.limits()
	if err != nil {
		return nil, err
	}
	s := &Service{bus: deps.Bus, log: deps.Log, clock: deps.Clock, limits: limits, index: newIndex(deps.Bus, deps.Log)}
	if s.metrics, err = newMetrics(deps.Metrics, s.index); err != nil {
		return nil, err
	}
	return s, nil
}

// Run handles commands until ctx ends, then finishes the one at hand, for three seconds at most.
func (s *Service) Run(ctx context.Context) error {
	g := lifecycle.Group{Log: s.log}
	g.Add("watch of DEVICES", s.index.Run)
	g.Add("device commands", s.consume)
	g.Add("comparison with the store", s.compareStored)
	return g.Run(ctx)
}

func (s *Service) consume(ctx context.Context) error {
	if err := s.index.await(ctx, 0); err != nil {
		return nil // only the end of ctx ends this wait
	}
	s.log.Info("the inventory is loaded", "accounts", len(s.index.counts()))
	return stage.Consume(ctx, s.bus,
		stage.Stage{Name: stageName, Stream: topology.DeviceCommands, Consumer: topology.ConsumerRegistry,
			Bury: s.bury, Observe: s.metrics.observe}, s.handle)
}

// Ready returns an error if devices cannot be enrolled now.
func (s *Service) Ready(ctx context.Context) error {
	if err := s.bus.Ready(ctx); err != nil {
		return err
	}
	if !s.index.InSync() {
		return errors.New("the inventory is being loaded")
	}
	if err := s.index.complete(); err != nil {
		return err
	}
	if why := s.unstoredPages.Load(); why != nil {
		return *why
	}
	if why := s.trouble.Load(); why != nil {
		return fmt.Errorf("a device command cannot be applied yet: %w", *why)
	}
	return nil
}
