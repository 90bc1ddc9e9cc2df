package plumb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/embed"
	"plumbline.dev/bus/topology"
	"plumbline.dev/services/internal/admin"
	"plumbline.dev/services/internal/busload"
	"plumbline.dev/services/internal/lifecycle"
	"plumbline.dev/services/internal/storecheck"
	"plumbline.dev/services/internal/teamdomain"
	"plumbline.dev/services/plumb/datadir"
)

// Service is all services on an embedded server.
type Service struct {
	cfg          Config
	deps         Deps
	installation Installation
	ready        chan struct{} // closed when every service is, for the first time
	running      []named
	addrs        []flagged
	damage       atomic.Pointer[error] // what the store lost
	beside       []beside
}

// beside is what runs with the services.
type beside struct {
	name string
	run  func(context.Context) error
}

// named is a service that runs.
type named struct {
	name string
	part
}

// part is what every service is.
type part interface {
	Run(ctx context.Context) error
	Ready(ctx context.Context) error
}

// New checks the configuration; nothing is made or started yet.
func New(cfg Config, deps Deps) (*Service, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	return &Service{cfg: cfg, deps: deps, ready: make(chan struct{}), installation: Installation{Data: datadir.Dir(cfg.Data)}}, nil
}

// Claim has an address looked at with the service's own when it starts: one that is taken is told by its
// flag, and port 0 is replaced by a free one. For what [Service.Add] adds; before Run.
func (s *Service) Claim(flag string, addr *string) { s.addrs = append(s.addrs, flagged{flag, addr}) }

// Add has something run beside the services, started after them and stopped before them. It may wait for
// them with [Service.Await]. Before Run.
func (s *Service) Add(name string, run func(context.Context) error) {
	s.beside = append(s.beside, beside{name, run})
}

// Run takes the data directory, starts the server and every service, and stops them in reverse when ctx
// ends or one of them fails. It runs once.
func (s *Service) Run(ctx context.Context) error {
	release, err := s.installation.Data.Lock()
	if err != nil {
		return err
	}
	defer release()
	secrets, err := s.open()
	if err != nil {
		return err
	}
	if err := s.claim(ctx); err != nil {
		return err
	}
	server, err := s.startServer(ctx)
	if err != nil {
		return err
	}
	defer server.Close()
	s.installation.NATSAddr = server.Addr()

	group := lifecycle.Group{Log: s.deps.Log}
	// A store that can no longer be written ends the process: a supervisor starts it again.
	group.Add("nats store", server.Watch)
	group.Add("admin", admin.New(s.cfg.AdminAddr, s.deps.Metrics, s.Ready, s.deps.Log).Run)
	for _, m := range s.makers(secrets) {
		conn, err := server.Connect(ctx, m.role, s.deps.Log, func(c *bus.Config) { c.Tracer = s.deps.Tracer })
		if err != nil {
			return err
		}
		defer conn.Close()
		p, err := m.make(conn)
		if err != nil {
			return fmt.Errorf("%s: %w", m.role, err)
		}
		load, err := busload.New(m.role, conn, s.deps.Metrics, s.deps.Log)
		if err != nil {
			return err
		}
		s.running = append(s.running, named{string(m.role), p})
		group.Add("bus metrics of the "+string(m.role), load.Run)
		group.Add(string(m.role), p.Run)
	}
	for _, b := range s.beside {
		group.Add(b.name, b.run)
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	go s.awaitReady(watching)
	return group.Run(ctx)
}

// claim finds every address taken or free before anything is started.
func (s *Service) claim(ctx context.Context) error {
	c := &s.cfg
	s.Claim("--api-addr", &c.APIAddr)
	s.Claim("--access-addr", &c.AccessAddr)
	s.Claim("--nats-addr", &c.NATSAddr)
	s.Claim("--admin-addr", &c.AdminAddr)
	s.Claim("--ext-authz-addr", &c.Gateway.ExtAuthzAddr)
	if err := claim(ctx, s.addrs...); err != nil {
		return err
	}
	access := "http"
	if c.Gateway.TLSCert != "" {
		access = "https"
	}
	s.installation.APIURL, s.installation.AccessURL, s.installation.AdminURL = urlOf("http", c.APIAddr), urlOf(access, c.AccessAddr), urlOf("http", c.AdminAddr)
	if c.TeamDomain == "" {
		c.TeamDomain = s.installation.AccessURL
	}
	issuer, err := teamdomain.Issuer(c.TeamDomain)
	s.installation.TeamDomain = issuer
	return err
}

// startServer starts NATS with everything provisioned, and lays out the follower's credentials.
func (s *Service) startServer(ctx context.Context) (*embed.Server, error) {
	server, err := embed.Start(ctx, embed.Config{Dir: s.cfg.Data, Addr: s.cfg.NATSAddr, Log: s.deps.Log})
	if err != nil {
		return nil, err
	}
	if err := s.prepare(ctx, server); err != nil {
		server.Close()
		return nil, err
	}
	return server, nil
}

func (s *Service) prepare(ctx context.Context, server *embed.Server) error {
	conn, err := server.Connect(ctx, topology.Operator, s.deps.Log)
	if err != nil {
		return err
	}
	defer conn.Close()
	bound := s.cfg.LogMaxBytes
	if bound == 0 {
		bound = embed.LogMaxBytes(filepath.Clean(s.cfg.Data))
	}
	options := topology.Options{LogMaxBytes: bound}
	if err := bus.Provision(ctx, conn, options); err != nil {
		return fmt.Errorf("provision: %w", err)
	}
	found, err := storecheck.Check(ctx, conn, options, s.cfg.AcceptLoss, s.deps.Log)
	if err != nil {
		return fmt.Errorf("check the store: %w", err)
	}
	found.Log(s.deps.Log)
	if err := found.Err(); err != nil {
		s.damage.Store(&err)
	}
	return s.installation.Data.Follower(server.Authority())
}

// Ready tells which services are not ready, and why; nil when all are.
func (s *Service) Ready(ctx context.Context) error {
	select {
	case <-s.ready:
		return s.check(ctx)
	default:
		return cmp.Or(s.lost(), errors.New("starting"))
	}
}

// lost is what the store lost and nobody accepted; nil if there is nothing.
func (s *Service) lost() error {
	if err := s.damage.Load(); err != nil {
		return *err
	}
	return nil
}

func (s *Service) check(ctx context.Context) error {
	all := []error{s.lost()}
	for _, r := range s.running {
		if err := r.Ready(ctx); err != nil {
			all = append(all, fmt.Errorf("%s: %w", r.name, err))
		}
	}
	return errors.Join(all...)
}

func (s *Service) awaitReady(ctx context.Context) {
	for s.check(ctx) != nil {
		select {
		case <-ctx.Done():
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
	close(s.ready)
}
