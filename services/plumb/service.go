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
	"plumbline.dev/bus/openfiles"
	"plumbline.dev/bus/provision"
	"plumbline.dev/bus/topology"
	"plumbline.dev/services/console"
	"plumbline.dev/services/internal/admin"
	"plumbline.dev/services/internal/busload"
	"plumbline.dev/services/internal/lifecycle"
	"plumbline.dev/services/internal/storecheck"
	"plumbline.dev/services/internal/teamdomain"
	"plumbline.dev/services/plumb/datadir"
)

// Service runs all services on an embedded server.
type Service struct {
	cfg          Config
	deps         Deps
	installation Installation
	ready        chan struct{} // closed when every service is ready for the first time
	running      []named
	addrs        []flagged
	damage       atomic.Pointer[error] // lost data of the store
	console      *console.Service      // nil without one
	beside       []beside
}

// beside runs with the services.
type beside struct {
	name string
	run  func(context.Context) error
}

// named is a running service.
type named struct {
	name string
	part
}

// part is the interface of every service.
type part interface {
	Run(ctx context.Context) error
	Ready(ctx context.Context) error
}

// New checks the configuration. It creates and starts nothing.
func New(cfg Config, deps Deps) (*Service, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	return &Service{cfg: cfg, deps: deps, ready: make(chan struct{}),
		installation: Installation{Data: datadir.Dir(cfg.Data)}}, nil
}

// Claim adds an address to check before anything starts: an error names the flag, and port 0 is replaced by a free
// port. It must be called before Run.
func (s *Service) Claim(flag string, addr *string) { s.addrs = append(s.addrs, flagged{flag, addr}) }

// Add adds a function to run with the services. It is started after them and stopped before them, and may wait for them
// with [Service.Await]. It must be called before Run.
func (s *Service) Add(name string, run func(context.Context) error) {
	s.beside = append(s.beside, beside{name, run})
}

// Run locks the data directory, starts the server and every service, and stops them in reverse order when ctx ends or
// one of them fails. It may be called once.
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
	openfiles.Warn(s.deps.Log)
	server, err := s.startServer(ctx)
	if err != nil {
		return err
	}
	defer server.Close()
	s.installation.NATSAddr = server.Addr()

	group := lifecycle.Group{Log: s.deps.Log}
	// A full or read-only store ends the process, so that a supervisor restarts it.
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
	if err := s.addConsole(&group); err != nil {
		return err
	}
	for _, b := range s.beside {
		group.Add(b.name, b.run)
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	go s.awaitReady(watching)
	return group.Run(ctx)
}

// claim checks every address before anything is started.
func (s *Service) claim(ctx context.Context) error {
	c := &s.cfg
	s.Claim("--api-addr", &c.APIAddr)
	s.Claim("--access-addr", &c.AccessAddr)
	s.Claim("--nats-addr", &c.NATSAddr)
	s.Claim("--admin-addr", &c.AdminAddr)
	s.Claim("--console-addr", &c.ConsoleAddr)
	s.Claim("--ext-authz-addr", &c.Gateway.ExtAuthzAddr)
	if err := claim(ctx, s.addrs...); err != nil {
		return err
	}
	access := "http"
	if c.Gateway.TLSCert != "" {
		access = "https"
	}
	s.installation.APIURL, s.installation.AccessURL, s.installation.AdminURL = urlOf("http", c.APIAddr),
		urlOf(access, c.AccessAddr), urlOf("http", c.AdminAddr)
	if c.TeamDomain == "" {
		c.TeamDomain = s.installation.AccessURL
	}
	issuer, err := teamdomain.Issuer(c.TeamDomain)
	s.installation.TeamDomain = issuer
	return err
}

// startServer starts NATS, provisions it and writes the follower's credentials.
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
	if err := provision.Topology(ctx, conn, options); err != nil {
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

// Ready returns an error with the names of the services not ready yet, or nil.
func (s *Service) Ready(ctx context.Context) error {
	select {
	case <-s.ready:
		return s.check(ctx)
	default:
		return cmp.Or(s.lost(), errors.New("starting"))
	}
}

// lost returns an error about data that the store lost until an operator accepts the loss.
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
