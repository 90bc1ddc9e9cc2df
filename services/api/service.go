package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/httpserve"
	"plumbline.dev/services/internal/lifecycle"
	"plumbline.dev/services/internal/overview"
	"plumbline.dev/services/internal/policy"
	"plumbline.dev/services/internal/rulebook"
)

// Deps are what the service works with.
type Deps struct {
	Bus     *bus.Conn
	Log     *slog.Logger
	Metrics prometheus.Registerer
	Clock   clock.Clock
}

// Service is the control plane. It may run any number of times side by side.
type Service struct {
	cfg       Config
	conn      *bus.Conn
	log       *slog.Logger
	clock     clock.Clock
	metrics   *metrics
	catalog   *catalog.Catalog
	tokens    *tokenView
	inventory *inventory
	overview  *overview.Overview
	index     *index
	config    *confirmations // how far CONFIG is
	secrets   *confirmations // how far TOKENS is
	devices   *confirmations // how far DEVICES is
	handler   http.Handler
	trail     *trail
	uses      *uses
	rules     *rulebook.Rulebook
	imports   chan struct{} // a place for each import under way
	audits    chan struct{} // for each reader of the audit log
	lookUps   chan struct{} // and for each caller who is not known yet
	streams   chan struct{} // and for each client that follows
	scans     chan struct{} // and for each request that reads the whole inventory, or much of a log
	server    *httpserve.Server
	ending    chan struct{} // closed when the service ends
}

// viewTimeout bounds how long a request waits for a view to catch up.
const viewTimeout = 5 * time.Second

// New makes the service; nothing runs yet.
func New(cfg Config, deps Deps) (*Service, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(deps.Metrics)
	if err != nil {
		return nil, err
	}
	s := &Service{
		cfg: cfg, conn: deps.Bus, log: deps.Log, clock: deps.Clock, metrics: m,
		catalog:   catalog.New(deps.Bus, deps.Log),
		tokens:    newTokenView(deps.Bus, deps.Log),
		inventory: newInventory(deps.Bus, deps.Log),
		overview:  overview.New(deps.Bus),
		imports:   make(chan struct{}, cfg.Imports),
		audits:    make(chan struct{}, maxAudits),
		lookUps:   make(chan struct{}, lookUps),
		streams:   make(chan struct{}, cfg.Streams),
		scans:     make(chan struct{}, maxScans),
		ending:    make(chan struct{}),
		index:     newIndex(),
		config:    newConfirmations(deps.Bus, topology.Config),
		secrets:   newConfirmations(deps.Bus, topology.Tokens),
		devices:   newConfirmations(deps.Bus, topology.Devices),
	}
	s.catalog.Tell(s.index.apply)
	s.trail = newTrail(deps.Bus, deps.Log, deps.Clock, m)
	s.uses = newUses(deps.Bus, deps.Log)
	if s.rules, err = rulebook.New(s.catalog, deps.Log, func(*policy.Problem) {}); err != nil {
		return nil, err
	}
	s.handler = s.newHandler(s.routes())
	s.server = s.newServer()
	return s, nil
}

// routes are all operations that there are.
func (s *Service) routes() []route {
	return slices.Concat(
		s.serviceTokenRoutes(), s.integrationRoutes(), s.ruleRoutes(), s.applicationRoutes(), s.policyRoutes(), s.groupRoutes(),
		s.providerRoutes(), s.organizationRoutes(), s.keyRoutes(), s.tagRoutes(), s.deviceRoutes(), s.resultRoutes(), s.pollRoutes(),
		s.apiTokenRoutes(), s.auditRoutes(), s.accountRoutes(), s.zoneRoutes(),
	)
}

// Run serves until ctx ends. It waits for the topology.
func (s *Service) Run(ctx context.Context) error {
	err := s.conn.AwaitTopology(ctx, topology.BucketStream(topology.Config), topology.BucketStream(topology.Tokens),
		topology.BucketStream(topology.Devices), topology.PostureLog, topology.PostureState, topology.AuditLog, topology.AuditOutbox)
	if err == nil && s.cfg.BootstrapToken != "" {
		err = s.conn.Await(ctx, "the bootstrap token", func(ctx context.Context) error {
			_, err := Bootstrap(ctx, s.conn, s.clock, s.cfg.Account, s.cfg.BootstrapToken, s.cfg.BootstrapEmail)
			return err
		})
		if errors.Is(err, ErrRevoked) {
			s.log.Warn("starting without the bootstrap token", "err", err)
			err = nil
		}
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	g := lifecycle.Group{Log: s.log}
	g.Add("view of the configuration", s.catalog.Run)
	g.Add("view of the tokens", s.tokens.Run)
	g.Add("view of the inventory", s.inventory.Run)
	g.Add("overview of the pages", s.overview.Run)
	g.Add("audit log", s.trail.Run)
	g.Add("uses of API tokens", s.uses.Run)
	g.Add("control plane", s.listen)
	return g.Run(ctx)
}

// Addr is where the service listens; empty until it does. It tells the port where Config.Addr left it open.
func (s *Service) Addr() string { return s.server.Bound() }

// Ready tells why the service cannot answer now; nil when it can.
func (s *Service) Ready(ctx context.Context) error {
	if s.Addr() == "" {
		return errors.New("the control plane does not listen yet: its views are not complete")
	}
	return s.conn.Ready(ctx)
}
