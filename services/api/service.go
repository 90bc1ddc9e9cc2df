package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/access"
	"plumbline.dev/services/api/accessindex"
	"plumbline.dev/services/api/apitoken"
	"plumbline.dev/services/api/auditlog"
	"plumbline.dev/services/api/dashboard"
	"plumbline.dev/services/api/destination"
	"plumbline.dev/services/api/device"
	"plumbline.dev/services/api/enforcement"
	"plumbline.dev/services/api/entrykeys"
	"plumbline.dev/services/api/fleet"
	"plumbline.dev/services/api/identity"
	"plumbline.dev/services/api/member"
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/organization"
	"plumbline.dev/services/api/person"
	"plumbline.dev/services/api/policytest"
	"plumbline.dev/services/api/posture"
	"plumbline.dev/services/api/provider"
	"plumbline.dev/services/api/servicetoken"
	"plumbline.dev/services/api/signingkey"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/system"
	"plumbline.dev/services/api/trial"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/api/zone"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/httpserve"
	"plumbline.dev/services/internal/lifecycle"
	"plumbline.dev/services/internal/policy"
	"plumbline.dev/services/internal/policycache"
)

// Deps are the dependencies of the service.
type Deps struct {
	Bus     *bus.Conn
	Log     *slog.Logger
	Metrics prometheus.Registerer
	Clock   clock.Clock
}

// Service is the control plane. Any number of replicas may run.
type Service struct {
	identity     *identity.API
	posture      *posture.API
	trial        *trial.API
	access       *access.API
	apitoken     *apitoken.API
	auditlog     *auditlog.API
	device       *device.API
	enforcement  *enforcement.API
	entryKeys    *entrykeys.API
	fleet        *fleet.API
	policytest   *policytest.API
	member       *member.API
	dashboard    *dashboard.API
	destination  *destination.API
	person       *person.API
	organization *organization.API
	provider     *provider.API
	servicetoken *servicetoken.API
	signingkey   *signingkey.API
	system       *system.API
	zone         *zone.API
	cfg          Config
	store        *store.Store
	metrics      *metrics
	edge         *v4.Edge
	handler      http.Handler
	streams      *v4.Streams
	server       *httpserve.Server
	ending       chan struct{} // closed when the service ends
}

// New returns the service. Nothing runs until [Service.Run].
func New(cfg Config, deps Deps) (*Service, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(deps.Metrics)
	if err != nil {
		return nil, err
	}
	s := &Service{cfg: cfg, metrics: m, store: store.New(deps.Bus, deps.Log, deps.Clock, m.owed),
		ending: make(chan struct{})}
	s.streams = v4.NewStreams(cfg.Streams, s.ending)
	s.device = device.New(cfg.answerTimeout, s.store, s.streams, s.ending, m.rows)
	index := accessindex.New(s.store)
	s.servicetoken = servicetoken.New(s.store, index)
	s.signingkey = signingkey.New(cfg.Account, s.store)
	s.zone = zone.New(zone.Config{Zones: cfg.Zones, TeamDomain: cfg.TeamDomain}, s.store, index)
	s.organization = organization.New(cfg.TeamDomain, s.store)
	s.provider = provider.New(provider.Config{SealGateway: cfg.SealGateway, TeamDomain: cfg.TeamDomain,
		FreeSecretHost: cfg.FreeSecretHost, ProbeTimeout: cfg.ProbeTimeout}, s.store, index, m.providers)
	s.access = access.New(access.Config{ConsoleAudiences: cfg.ConsoleAudiences},
		access.Deps{Store: s.store, Index: index, Zones: s.zone})
	s.posture = posture.New(
		posture.Config{SealTo: cfg.SealTo, MinInterval: cfg.MinInterval, FreeSecretHost: cfg.FreeSecretHost,
			ProbeTimeout: cfg.ProbeTimeout},
		posture.Deps{Store: s.store, Device: s.device, Streams: s.streams, CheckUsers: index.CheckUsers, Probes: m.probes,
			Applications: func(a proto.Account) map[proto.ID][]posture.Application { return s.identity.Using(a) },
			Following:    m.streams,
			Flips: func(ctx context.Context, a proto.Account, edited, old *proto.Check) (int, int, error) {
				return s.trial.Flips(ctx, a, edited, old)
			}},
	)
	s.trial = trial.New(trial.Deps{Store: s.store, Device: s.device, Streams: s.streams, Drafts: s.posture,
		Overview: s.posture.Overview})
	refuses := func(ctx context.Context, app catalog.Record[proto.Application],
		login *proto.Session) (policy.Decision, bool, error) {
		return s.identity.Refuses(ctx, app, login)
	}
	if s.person, err = person.New(person.Config{TeamDomain: cfg.TeamDomain, Audiences: cfg.ConsoleAudiences,
		Refuses: refuses}, s.store, deps.Log); err != nil {
		return nil, err
	}
	s.apitoken = apitoken.New(s.store, s.zone.Known, s.person)
	s.auditlog = auditlog.New(s.store)
	s.member = member.New(s.store)
	s.destination = destination.New(destination.Config{SealTo: cfg.SealDispatcher, TestTimeout: cfg.ProbeTimeout}, s.store)
	s.enforcement = enforcement.New(enforcement.Deps{Store: s.store, Device: s.device, Posture: s.posture})
	s.fleet = fleet.New(fleet.Deps{Store: s.store, Device: s.device, Posture: s.posture, Streams: s.streams})
	if err := registerEnforcement(deps.Metrics, s.enforcement.Active, s.enforcement.Observing); err != nil {
		return nil, err
	}
	if err := registerColumns(deps.Metrics, s.fleet.Bytes); err != nil {
		return nil, err
	}
	s.edge = &v4.Edge{Gate: s.apitoken, Log: deps.Log, Clock: deps.Clock, MaxBody: cfg.MaxBody,
		ClientTimeout: cfg.clientTimeout, Observe: m.request}
	rules, err := policycache.New(s.store.Catalog, deps.Log, func(*policy.Problem) {})
	if err != nil {
		return nil, err
	}
	s.identity = identity.New(identity.Deps{Store: s.store, Device: s.device, Access: s.access, Posture: s.posture,
		Rules: rules})
	s.policytest = policytest.New(policytest.Deps{Store: s.store, Device: s.device, Access: s.access,
		Posture: s.posture})
	s.dashboard = dashboard.New(dashboard.Deps{Store: s.store, Device: s.device, Posture: s.posture, Access: index})
	s.entryKeys = entrykeys.New(s.store.Conn, s.store.Clock)
	s.system = system.New(system.Deps{Store: s.store, Streams: s.streams, Standings: s.posture.Standings,
		Version: cli.Version(), Schemas: cli.Schemas()})
	s.handler = s.newHandler(s.routes())
	s.server = s.newServer()
	return s, nil
}

// newHandler returns the handler of the routes, the OpenAPI document and the public keys of entries.
func (s *Service) newHandler(routes []v4.Route) http.Handler {
	return s.edge.Handler(routes, map[string]v4.PublicHandler{openapi.Path: s.description().Handler(routes),
		entrykeys.Path: s.entryKeys.Serve})
}

// Run serves until ctx ends. It waits for the topology first.
func (s *Service) Run(ctx context.Context) error {
	err := s.store.Conn.AwaitTopology(ctx, topology.BucketStream(topology.Config), topology.BucketStream(topology.Tokens),
		topology.BucketStream(topology.Devices), topology.PostureLog, topology.PostureState, topology.AuditLog,
		topology.AuditOutbox, topology.BucketStream(topology.Holds), topology.BucketStream(topology.PolicyTests),
		topology.BucketStream(topology.Deliveries))
	if err == nil && s.cfg.BootstrapToken != "" {
		err = s.store.Conn.Await(ctx, "the bootstrap token", func(ctx context.Context) error {
			_, err := apitoken.Bootstrap(ctx, s.store.Conn, s.store.Clock, s.cfg.Account, s.cfg.BootstrapToken,
				s.cfg.BootstrapEmail)
			return err
		})
		if errors.Is(err, apitoken.ErrRevoked) {
			s.store.Log.Warn("starting without the bootstrap token", "err", err)
			err = nil
		}
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	g := lifecycle.Group{Log: s.store.Log}
	s.store.AddTo(&g)
	g.Add("view of the inventory", s.device.Inventory.Run)
	g.Add("overview of the pages", s.posture.Overview.Run)
	g.Add("ends of exemptions", s.enforcement.RunEnds)
	g.Add("uses of API tokens", s.apitoken.Run)
	g.Add("columns of the devices", s.fleet.Run)
	g.Add("authentication of people", s.person.Run)
	g.Add("policy tests", s.policytest.Run)
	g.Add("states of destinations", s.destination.Run)
	g.Add("control plane", s.listen)
	return g.Run(ctx)
}

// Handler returns the handler of the API. It answers correctly while [Service.Run] runs and the service is ready.
func (s *Service) Handler() http.Handler { return s.handler }

// Addr returns the address that the service listens on; empty before it listens. It has the actual port if Config.Addr
// has port 0.
func (s *Service) Addr() string { return s.server.Bound() }

// Ready returns an error if the service cannot handle requests now.
func (s *Service) Ready(ctx context.Context) error {
	if s.Addr() == "" {
		return errors.New("the control plane is not listening yet: its views are not complete")
	}
	return s.store.Conn.Ready(ctx)
}
