package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/openfiles"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/gateway/device"
	"plumbline.dev/services/gateway/external"
	"plumbline.dev/services/gateway/forward"
	"plumbline.dev/services/gateway/gate"
	"plumbline.dev/services/gateway/login"
	"plumbline.dev/services/gateway/proxy"
	"plumbline.dev/services/gateway/staleness"
	"plumbline.dev/services/internal/accesslog"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/egress"
	"plumbline.dev/services/internal/httpserve"
	"plumbline.dev/services/internal/keycache"
	"plumbline.dev/services/internal/lifecycle"
	"plumbline.dev/services/internal/policy"
	"plumbline.dev/services/internal/policycache"
	"plumbline.dev/services/internal/servicetoken"
	"plumbline.dev/services/internal/teamdomain"
)

// Service is the gateway. Any number may run at once.
type Service struct {
	cfg   Config
	conn  *bus.Conn
	link  link // conn, as far as readiness is concerned
	log   *slog.Logger
	clock clock.Clock

	watches  []watch
	catalog  *catalog.Catalog
	tokens   *servicetoken.View
	sessions *login.Sessions
	devices  *device.Devices
	keys     *keycache.Cache
	stale    *staleness.Guard
	recorder *accesslog.Recorder
	seen     *servicetoken.Seen
	gate     *gate.Gate
	login    *login.Login
	origins  *proxy.Proxy
	authz    *forward.Authz // nil: no gRPC listener
	files    []*certificates
	server   *httpserve.Server
}

// link is the connection to NATS.
type link interface {
	Connected() bool
	Stalled() error
	Unwritable() error
}

// watch is a view that is restarted if it gets stuck.
type watch struct {
	name string
	run  func(context.Context) error
}

// New returns the service and reads the TLS files. Nothing runs until [Service.Run].
func New(cfg Config, deps Deps) (*Service, error) {
	s, err := build(cfg, deps)
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	return s, nil
}

func build(cfg Config, deps Deps) (*Service, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Service{cfg: cfg, conn: deps.Bus, link: deps.Bus, log: deps.Log, clock: deps.Clock,
		// All kinds: a kind that the view did not follow would count as missed.
		catalog: catalog.New(deps.Bus), tokens: servicetoken.NewView(deps.Bus),
		seen: servicetoken.NewSeen(deps.Bus, deps.Log),
	}
	s.sessions = login.NewSessions(deps.Bus, deps.Log, deps.Clock, s.catalog.Revoked)
	m, err := newMetrics(deps.Metrics, cfg.StaleLimit, s.unconfirmed)
	if err != nil {
		return nil, err
	}
	s.devices = device.New(device.Config{Overlay: cfg.Overlay},
		device.Deps{Bus: deps.Bus, Log: deps.Log, Clock: deps.Clock, Settings: s.catalog})
	if s.keys, err = keycache.New(keycache.Config{Issuer: cfg.TeamDomain},
		keycache.Deps{Bus: deps.Bus, Log: deps.Log, Clock: deps.Clock, Seen: s.catalog.AccessRevision}); err != nil {
		return nil, err
	}
	s.stale = staleness.New(cfg.StaleLimit, deps.Clock, deps.Log, s.parts()...)
	s.recorder = accesslog.New(deps.Bus, deps.Log, logBacklog, m.unrecorded)
	outside, err := egress.New(egress.Config{DenyAddrs: cfg.own(), Deny: cfg.EgressDeny, RootCAs: cfg.RootCAs})
	if err != nil {
		return nil, err
	}
	if err := s.buildGate(deps, m, outside); err != nil {
		return nil, err
	}
	return s, s.buildFront(deps, m, outside)
}

// parts returns everything that decisions depend on.
func (s *Service) parts() []staleness.Part {
	view := func(name, bucket, keys string, seen func() uint64, run func(context.Context) error) staleness.View {
		again, restart := staleness.Restartable(run)
		s.watches = append(s.watches, watch{name, again})
		return staleness.View{Name: name, Stream: topology.BucketStream(bucket), Filter: topology.BucketSubject(bucket, keys),
			Seen: seen, Restart: restart}
	}
	views := append([]staleness.View{
		view("configuration", topology.Config, ">", s.catalog.Revision, s.catalog.Run),
		view("service tokens", topology.Tokens, topology.AllServiceTokenKeys, s.tokens.Revision, s.tokens.Run),
		view("sessions", topology.Sessions, topology.AllSessionKeys, s.sessions.Revision, s.sessions.Run),
	}, s.devices.Views()...)
	all := []staleness.Part{s.keys.Part()}
	for _, v := range views {
		all = append(all, staleness.OfStream(s.conn, s.clock, v))
	}
	return all
}

func (s *Service) buildGate(deps Deps, m *metrics, outside *http.Client) error {
	rules, err := policycache.New(s.catalog, deps.Log, func(p *policy.Problem) {
		m.unevaluable.WithLabelValues(p.Reason.String(), p.Label()).Inc()
	})
	if err != nil {
		return err
	}
	evaluator, err := external.New(external.Config{},
		external.Deps{Signer: s.keys, Client: outside, Log: deps.Log, Metrics: deps.Metrics, Clock: deps.Clock})
	if err != nil {
		return err
	}
	s.gate, err = gate.New(gate.Deps{
		Catalog: s.catalog, Rules: rules, Tokens: s.tokens, Keys: s.keys, Devices: devices{s.devices}, Sessions: s.sessions,
		External: evaluator, Freshness: s.stale, Access: s.recorder, Seen: s.seen, Log: deps.Log, Clock: deps.Clock,
		Decided: m.decided,
	})
	return err
}

func (s *Service) buildFront(deps Deps, m *metrics, outside *http.Client) error {
	people, err := login.New(login.Config{TeamDomain: s.cfg.TeamDomain, SessionKey: s.cfg.SessionKey}, login.Deps{
		Bus: deps.Bus, Log: deps.Log, Metrics: deps.Metrics, Clock: deps.Clock, Catalog: s.catalog, Sessions: s.sessions,
		Gate: s.gate, Keys: s.keys, Devices: devices{s.devices}, Recorder: s.recorder, Identities: deps.Identities,
		HTTP: outside,
	})
	if err != nil {
		return err
	}
	s.login = people
	s.gate.SendTo(people)
	if s.origins, err = proxy.New(proxy.Config{RootCAs: s.cfg.RootCAs, Own: s.cfg.own(), Deny: s.cfg.OriginDeny,
		IdleTimeout: s.cfg.OriginIdle, Still: s.gate.Still}, deps.Log, m.decided); err != nil {
		return err
	}
	asked := forward.Deps{Gate: s.gate, Log: deps.Log, Metrics: deps.Metrics}
	others, err := forward.New(forward.Config{From: s.cfg.ForwardAuthFrom, Trusted: s.cfg.TrustedProxy}, asked)
	if err != nil {
		return err
	}
	if err := s.buildFiles(deps); err != nil {
		return err
	}
	if err := s.buildAuthz(asked); err != nil {
		return err
	}
	team, err := teamdomain.Parse(s.cfg.TeamDomain)
	if err != nil {
		return err
	}
	front := &front{
		trusted: s.cfg.TrustedProxy, team: team, gate: s.gate, proxy: s.origins, login: people, certs: s.keys.Certs,
		forward: others, clock: deps.Clock,
	}
	s.server = newServer(s.cfg.AccessAddr, deps.Log, front)
	if s.cfg.TLSCert != "" {
		s.server.TLS, front.clients = s.files[0].listener(protocols...), s.files[0]
	}
	return nil
}

// buildFiles reads the files of both listeners. The access listener comes first and holds the device authorities,
// which both use.
func (s *Service) buildFiles(deps Deps) error {
	for _, files := range [...]pemFiles{
		{listener: "access", cert: s.cfg.TLSCert, key: s.cfg.TLSKey, ca: s.cfg.DeviceCA, certName: "tls_cert", caName: "device_ca"},
		{listener: "ext_authz", cert: s.cfg.ExtAuthzCert, key: s.cfg.ExtAuthzKey, ca: s.cfg.ExtAuthzCA, demanded: true,
			certName: "ext_authz_cert", caName: "ext_authz_ca"},
	} {
		f, err := newCertificates(files, deps.Clock, deps.Log)
		if err != nil {
			return err
		}
		s.files = append(s.files, f)
	}
	return deps.Metrics.Register(ends(s.files))
}

func (s *Service) buildAuthz(asked forward.Deps) error {
	if s.cfg.ExtAuthzAddr == "" {
		return nil
	}
	cfg := forward.AuthzConfig{Addr: s.cfg.ExtAuthzAddr, From: s.cfg.ForwardAuthFrom, Trusted: s.cfg.TrustedProxy,
		DeviceCA: s.files[0].authorities}
	if s.cfg.ExtAuthzCert != "" {
		cfg.TLS = s.files[1].listener(protocols...)
	}
	var err error
	s.authz, err = forward.NewAuthz(cfg, asked)
	return err
}

// devices adapts package device for the gate.
type devices struct{ *device.Devices }

func (d devices) Posture(account proto.Account, dev, check proto.ID) gate.Posture {
	p := d.Devices.Posture(account, dev, check)
	out := gate.Posture{Outcome: p.Outcome, Reason: p.Reason, Score: p.Score, Scored: p.Score != proto.NoScore}
	if p.LookedAt != 0 {
		out.LookedAt = p.LookedAt.Time()
	}
	return out
}

// Run works until ctx ends. It denies every request until all data for decisions is loaded.
func (s *Service) Run(ctx context.Context) error {
	g := lifecycle.Group{Log: s.log}
	g.Add("access log", s.recorder.Run)
	g.Add("last use of service tokens", s.seen.Run)
	for _, w := range s.watches {
		g.Add(w.name, w.run)
	}
	g.Add("devices", s.devices.Run)
	g.Add("public keys", s.keys.Run)
	g.Add("gate", s.gate.Run)
	g.Add("staleness", s.stale.Run)
	g.Add("identity provider tests", s.login.AnswerProbes)
	for _, f := range s.files {
		if f.files.cert+f.files.ca != "" {
			g.Add("TLS files of "+f.files.listener, f.Run)
		}
	}
	if s.authz != nil {
		g.Add("ext_authz", s.authz.Run)
	}
	g.Add("origins", s.origins.Run)
	g.Add("listener", s.server.Run)
	return g.Run(ctx)
}

// Ready returns the reason for sending no requests to this gateway: it denies every request, a reader of its data is
// stalled, or NATS does not store its logins or access log. While NATS is away only the age of the data counts: all
// gateways may be cut off, and each continues with its data for as long as --hold allows.
func (s *Service) Ready(ctx context.Context) error {
	if s.server.Bound() == "" {
		return errors.New("the gateway does not listen yet")
	}
	if keys := s.catalog.Uncertain(); len(keys) > 0 {
		return fmt.Errorf("every request is denied, because the destinations of some applications "+
			"cannot be read: repair or delete %s in CONFIG", strings.Join(keys, ", "))
	}
	if err := s.stale.Ready(ctx); err != nil || !s.link.Connected() {
		return err
	}
	return errors.Join(s.link.Stalled(), s.link.Unwritable())
}

// AccessAddr returns the address of the listener; empty before it listens.
func (s *Service) AccessAddr() string { return s.server.Bound() }

func (s *Service) unconfirmed() float64 {
	age, ok := s.stale.Age(s.clock.Now())
	if !ok {
		return -1
	}
	return age.Seconds()
}

// grace is how long current requests may take to finish when the service ends. Upgraded connections are closed then.
const grace = 2 * time.Second

func newServer(addr string, log *slog.Logger, h http.Handler) *httpserve.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	return &httpserve.Server{Name: "gateway (--access-addr)", Addr: addr, Log: log, Grace: grace,
		MaxConns: openfiles.Share(4), HTTP: &http.Server{
			Handler: h, Protocols: &protocols,
			// Bodies have no time limit, for uploads and streams.
			ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
			HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 250, SendPingTimeout: 30 * time.Second,
				PingTimeout: 15 * time.Second},
		}}
}
