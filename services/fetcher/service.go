package fetcher

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"filippo.io/age"
	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/egress"
	"plumbline.dev/services/internal/lifecycle"
)

// The names of the stages in dead letters, logs and traces.
const (
	stagePlan  = "plan"
	stageFetch = "fetch"
)

// Deps holds a fetcher's dependencies.
type Deps struct {
	Bus     *bus.Conn
	Log     *slog.Logger
	Metrics prometheus.Registerer
	Clock   clock.Clock
	// Identities open the integrations' secrets.
	Identities []age.Identity
}

// Service is one fetcher. Any number may run.
type Service struct {
	cfg     Config
	bus     *bus.Conn
	log     *slog.Logger
	clock   clock.Clock
	metrics *metrics
	catalog *catalog.Catalog
	gate    *gate
	targets *targets
	caller  *caller
	reports reports
	// stopping ends when running work has to be cancelled.
	stopping context.Context
	abort    context.CancelFunc
}

// New makes a fetcher; it does nothing until Run.
func New(cfg Config, deps Deps) (*Service, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	client, err := egress.New(cfg.Egress)
	if err != nil {
		return nil, fmt.Errorf("fetcher: %w", err)
	}
	s := &Service{cfg: cfg, bus: deps.Bus, log: deps.Log, clock: deps.Clock, gate: newGate(cfg.MaxInFlight)}
	if s.metrics, err = newMetrics(deps.Metrics, s.gate); err != nil {
		return nil, err
	}
	s.catalog = catalog.New(deps.Bus, topology.KindIntegration, topology.KindApplication)
	s.targets = newTargets(s.catalog, deps.Identities)
	s.caller = &caller{client: client, clock: deps.Clock, cfg: cfg, metrics: s.metrics,
		tokens: newTokens(s.askExchange, deps.Clock, s.metrics)}
	s.stopping, s.abort = context.WithCancel(context.Background())
	return s, nil
}

// Run works until ctx ends. Calls under way may then continue for the configured grace; unfinished ones are
// redelivered.
func (s *Service) Run(ctx context.Context) error {
	defer s.caller.client.CloseIdleConnections()
	defer s.abort()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(s.cfg.Grace, s.abort) })()
	if err := s.bus.AwaitTopology(ctx, topology.PostureTicks, topology.PostureBatches,
		topology.BucketStream(topology.Devices)); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	g := lifecycle.Group{Log: s.log, Timeout: s.cfg.Grace + 2*time.Second}
	g.Add("configuration", s.catalog.Run)
	g.Add("batches", s.afterCatalog((&consumers{Service: s}).run))
	g.Add("ticks", s.afterCatalog(s.planTicks))
	g.Add("probes", s.afterCatalog(s.answerProbes))
	return g.Run(ctx)
}

// afterCatalog holds a part back until the configuration is there.
func (s *Service) afterCatalog(run func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := s.catalog.Await(ctx); err != nil {
			return err
		}
		return run(ctx)
	}
}

// untilAborted returns ctx, also ended when the service has to cancel its work.
func (s *Service) untilAborted(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	unhook := context.AfterFunc(s.stopping, cancel)
	return ctx, func() { unhook(); cancel() }
}

// Ready returns an error if the fetcher cannot work now.
func (s *Service) Ready(ctx context.Context) error {
	if err := s.bus.Ready(ctx); err != nil {
		return err
	}
	now, cancel := context.WithCancel(ctx)
	cancel() // the answer is wanted at once
	return s.catalog.Await(now)
}

// integration returns an integration once the catalog has seen revision; an error if it does not in time.
func (s *Service) integration(ctx context.Context, of ref,
	revision uint64) (catalog.Record[proto.Integration], bool, error) {
	wait, cancel := context.WithTimeout(ctx, s.cfg.catalogWait)
	defer cancel()
	if err := s.catalog.AwaitRevision(wait, revision); err != nil {
		return catalog.Record[proto.Integration]{}, false, err
	}
	rec, ok := s.catalog.Integration(of.account, of.id)
	return rec, ok, nil
}

// ref names an integration.
type ref struct {
	account proto.Account
	id      proto.ID
}
