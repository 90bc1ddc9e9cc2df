package exchange

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/exchange/keys"
	"plumbline.dev/services/internal/accesslog"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/httpserve"
	"plumbline.dev/services/internal/lifecycle"
	"plumbline.dev/services/internal/policy"
	"plumbline.dev/services/internal/policycache"
	"plumbline.dev/services/internal/servicetoken"
)

// Service is the exchange. Any number may run at once; they sign with the same key.
type Service struct {
	cfg     Config
	conn    *bus.Conn
	log     *slog.Logger
	clock   clock.Clock
	metrics *metrics

	catalog  *catalog.Catalog
	tokens   *servicetoken.View
	rules    *policycache.Cache
	issuer   *issuer
	recorder *accesslog.Recorder
	seen     *servicetoken.Seen
	lastSeen *servicetoken.LastSeen
	keys     *keys.KeySet
	janitor  *janitor

	awake chan struct{} // closed once keys and views are loaded
	deaf  atomic.Int32  // endpoints that are not subscribed yet
	certs *httpserve.Server
}

// New returns the service. Nothing runs until [Service.Run].
func New(cfg Config, deps Deps) (*Service, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("exchange: %w", err)
	}
	if len(deps.Identities) == 0 {
		return nil, errors.New("exchange: no identity to decrypt signing keys with: give one with --identity")
	}
	set := keys.NewKeySet(deps.Bus, deps.Log, deps.Clock, deps.Identities)
	m, err := newMetrics(deps.Metrics, set)
	if err != nil {
		return nil, fmt.Errorf("exchange: %w", err)
	}
	s := &Service{
		cfg: cfg, conn: deps.Bus, log: deps.Log, clock: deps.Clock, metrics: m, keys: set,
		catalog:  catalog.New(deps.Bus, catalog.AccessKinds()...),
		tokens:   servicetoken.NewView(deps.Bus),
		recorder: accesslog.New(deps.Bus, deps.Log, logBacklog, m.unrecorded),
		seen:     servicetoken.NewSeen(deps.Bus, deps.Log),
		awake:    make(chan struct{}),
	}
	s.lastSeen = servicetoken.NewLastSeen(deps.Bus)
	s.janitor = newJanitor(deps.Bus, deps.Log, deps.Clock, s.catalog, s.tokens, s.lastSeen, m.tokens)
	s.certs = &httpserve.Server{Name: "certs endpoint (--access-addr)", Addr: cfg.AccessAddr, Log: deps.Log,
		HTTP: &http.Server{
			Handler: s.Handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second,
			WriteTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}}
	s.rules, err = policycache.New(s.catalog, deps.Log, func(p *policy.Problem) {
		m.unevaluable.WithLabelValues(p.Reason.String(), p.Label()).Inc()
	})
	if err != nil {
		return nil, fmt.Errorf("exchange: %w", err)
	}
	if s.issuer, err = newIssuer(cfg.TeamDomain, deps.Clock, m); err != nil {
		return nil, fmt.Errorf("exchange: %w", err)
	}
	return s, nil
}

// Run works until ctx ends. It accepts requests once the key and the views are loaded.
func (s *Service) Run(ctx context.Context) error {
	g := lifecycle.Group{Log: s.log}
	if s.cfg.AccessAddr != "" {
		g.Add("certs endpoint", s.certs.Run)
	}
	g.Add("catalog", s.catalog.Run)
	g.Add("service tokens", s.tokens.Run)
	g.Add("last uses of service tokens", s.lastSeen.Run)
	g.Add("access log", s.recorder.Run)
	g.Add("notes of use", s.seen.Run)
	g.Add("signing keys", s.keys.Run)
	g.Add("awakening", s.awaken)
	g.Add("public keys", s.afterAwakening(bus.Endpoint{
		Subject: topology.Certs, Role: topology.Exchange, Workers: 2, Handle: s.answerCerts, Refuse: refuseCerts,
	}))
	g.Add("exchange", s.afterAwakening(bus.Endpoint{
		Subject: topology.ExchangeService, Role: topology.Exchange, Workers: s.cfg.Workers, Queue: s.cfg.Queue,
		Handle: s.answerService, Refuse: s.refuseService,
	}))
	g.Add("tokens of people", s.afterAwakening(bus.Endpoint{
		Subject: topology.ExchangeUser, Role: topology.Exchange, Workers: s.cfg.Workers, Queue: s.cfg.Queue,
		Handle: s.answerUser, Refuse: func(error) proto.Message { return s.refuseUser(policy.Busy) },
	}))
	// Statements are requested before any authentication, so they get a single worker.
	g.Add("statements", s.afterAwakening(bus.Endpoint{
		Subject: topology.Statements, Role: topology.Exchange, Workers: 1, Queue: s.cfg.Queue,
		Handle: s.answerStatement, Refuse: func(error) proto.Message { return s.refuseStatement(policy.Busy) },
	}))
	g.Add("key commands", s.afterAwakening(s.keys.Endpoint()))
	g.Add("janitor", s.runJanitor)
	return g.Run(ctx)
}

// awaken waits for the keys and the views.
func (s *Service) awaken(ctx context.Context) error {
	set, err := s.keys.Await(ctx)
	if err != nil {
		return unlessEnded(ctx, err)
	}
	if err := s.catalog.Await(ctx); err != nil {
		return unlessEnded(ctx, err)
	}
	select {
	case <-s.tokens.Synced():
		close(s.awake)
		s.log.Info("exchange can issue tokens", "kid", set.Signing().ID(), "issuer", s.cfg.TeamDomain)
	case <-ctx.Done():
	}
	<-ctx.Done()
	return nil
}

// runJanitor runs the janitor once the views are loaded.
func (s *Service) runJanitor(ctx context.Context) error {
	for _, there := range []<-chan struct{}{s.awake, s.lastSeen.Synced()} {
		select {
		case <-there:
		case <-ctx.Done():
			return nil
		}
	}
	return s.janitor.run(ctx)
}

func (s *Service) afterAwakening(e bus.Endpoint) func(context.Context) error {
	s.deaf.Add(1)
	e.Listening = func() { s.deaf.Add(-1) }
	return func(ctx context.Context) error {
		select {
		case <-s.awake:
			return s.conn.Answer(ctx, e)
		case <-ctx.Done():
			return nil
		}
	}
}

// Ready returns the reason why the exchange cannot issue tokens now; nil when it can.
func (s *Service) Ready(ctx context.Context) error {
	select {
	case <-s.awake:
	default:
		if s.keys.Latest() == nil {
			return errors.New("the signing key is not loaded yet")
		}
		return errors.New("applications, policies and service tokens are still being read")
	}
	if s.deaf.Load() > 0 {
		return errors.New("not all endpoints are subscribed yet")
	}
	if _, err := s.keys.Current(ctx); err != nil {
		return err
	}
	return s.conn.Ready(ctx)
}

// AccessAddr returns the address of the certs endpoint; empty before it listens.
func (s *Service) AccessAddr() string { return s.certs.Bound() }

// unlessEnded drops errors caused by the end of ctx.
func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
