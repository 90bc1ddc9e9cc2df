package evaluator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"filippo.io/age"
	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus"
	"plumbline.dev/bus/stage"
	"plumbline.dev/bus/topology"
	"plumbline.dev/services/evaluator/signing"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/lifecycle"
	"plumbline.dev/services/internal/overview"
)

// Deps holds an evaluator's dependencies. Log and Clock are optional.
type Deps struct {
	// Identities decrypt the keys that sign entries. New keys are encrypted to all of them.
	Identities []age.Identity

	Bus     *bus.Conn // of the evaluator's role
	Log     *slog.Logger
	Metrics prometheus.Registerer
	Clock   clock.Clock
}

// Service is an evaluator. Any number may run at once.
type Service struct {
	cfg      Config
	bus      *bus.Conn
	log      *slog.Logger
	clock    clock.Clock
	catalog  *catalog.Catalog
	overview *overview.Overview
	metrics  *metrics
	store    *busStore
	pages    *evaluator
	exempted *exempted
	holds    *holdView
	keys     *signing.KeySet
	disagree atomic.Pointer[error] // how the log and the state differ
}

// New makes an evaluator. It does no I/O.
func New(cfg Config, deps Deps) (*Service, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if deps.Bus == nil || deps.Metrics == nil {
		return nil, errors.New("evaluator: a bus connection and a registry of metrics are required")
	}
	if len(deps.Identities) == 0 {
		return nil, errors.New("evaluator: no identity to decrypt the keys for entries with: give one with --identity")
	}
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	if deps.Clock == nil {
		deps.Clock = clock.System
	}
	s := &Service{
		cfg: cfg, bus: deps.Bus, log: deps.Log, clock: deps.Clock,
		catalog: catalog.New(deps.Bus, topology.KindIntegration, topology.KindCheck, topology.KindExemption,
			topology.KindOrganization),
		overview: overview.New(deps.Bus),
	}
	s.exempted, s.holds = newExempted(), newHoldView(deps.Bus)
	s.catalog.Tell(s.exempted.changed)
	var err error
	if s.metrics, err = newMetrics(deps.Metrics, s.holds.count); err != nil {
		return nil, fmt.Errorf("evaluator: %w", err)
	}
	if err := overview.Register(deps.Metrics, s.overview, s.catalog.Integrations, s.clock); err != nil {
		return nil, fmt.Errorf("evaluator: %w", err)
	}
	s.store = &busStore{conn: s.bus, catalog: s.catalog, group: newGroup(s.bus)}
	s.keys = signing.NewKeySet(s.bus, s.log, s.clock, deps.Identities)
	s.pages = newEvaluator(s.store, s.clock, s.metrics, s.keys.Signer, cfg.Remember)
	return s, nil
}

// Run evaluates until ctx ends, then lets the evaluations under way finish.
func (s *Service) Run(ctx context.Context) error {
	if err := s.bus.AwaitTopology(ctx, topology.PostureLog, topology.PostureState,
		topology.BucketStream(topology.Devices), topology.BucketStream(topology.Config),
		topology.BucketStream(topology.Holds), topology.BucketStream(topology.EntryKeys)); err != nil {
		return stopped(ctx, err)
	}
	g := lifecycle.Group{Log: s.log}
	g.Add("keys for entries", s.keys.Run)
	g.Add("public keys of entries", func(ctx context.Context) error { return s.bus.Answer(ctx, s.keys.Endpoint()) })
	g.Add("catalog", s.catalog.Run)
	g.Add("overview", s.overview.Run)
	g.Add("holds", s.holds.Run)
	g.Add("commits", s.store.group.run)
	g.Add("evaluate", s.whenReady(s.evaluate))
	g.Add("page changes", s.whenReady(s.pageChanges))
	g.Add("config changes", s.whenReady(s.configChanges))
	g.Add("hold changes", s.whenReady(s.holdChanges))
	g.Add("verdicts", s.whenReady(s.verdicts))
	g.Add("sweep", s.whenReady(s.sweep))
	g.Add("entries without a page", s.whenReady(s.orphans))
	g.Add("agreement of log and state", s.whenReady(s.agreement))
	return g.Run(ctx)
}

// whenReady runs a part once the configuration and the pages are in view.
func (s *Service) whenReady(run func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := errors.Join(s.catalog.Await(ctx), s.overview.Await(ctx), s.holds.Await(ctx),
			s.keys.Await(ctx)); err != nil {
			return stopped(ctx, err)
		}
		return run(ctx)
	}
}

// stopped returns nil if the end of ctx caused err.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// readyPatience limits Ready's wait for views, which fill within milliseconds.
const readyPatience = 100 * time.Millisecond

// Ready returns an error if the evaluator cannot work yet.
func (s *Service) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyPatience)
	defer cancel()
	all := []error{s.bus.Ready(ctx), s.catalog.Await(ctx), s.overview.Await(ctx), s.holds.Await(ctx),
		s.keys.Await(ctx)}
	if why := s.disagree.Load(); why != nil {
		all = append(all, *why)
	}
	return errors.Join(all...)
}

// attempts is how often a message is tried: over a minute's worth of a stream without a leader.
const attempts = 12

func (s *Service) stage(name, stream, consumer string, workers int) stage.Stage {
	return stage.Stage{Name: name, Stream: stream, Consumer: consumer, Workers: workers, Attempts: attempts,
		Observe: func(_ time.Duration, err error) {
			if err != nil {
				s.metrics.failures.WithLabelValues(name).Inc()
			}
		}}
}
