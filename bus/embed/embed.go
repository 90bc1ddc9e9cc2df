// Package embed runs a NATS server with JetStream inside a process: all of Plumbline in one binary, and
// the tests.
package embed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"plumbline.dev/bus"
	"plumbline.dev/bus/creds"
	"plumbline.dev/bus/topology"
)

// Config says where the server keeps its data and whether others reach it.
type Config struct {
	Dir string // of the JetStream store and the authority
	// Addr is where NATS clients of other systems connect; empty: nobody outside the process does.
	Addr string
	Log  *slog.Logger
	// Cluster, where it is set, makes the server one of several; for tests of replicas.
	Cluster *Cluster
	// NoSync leaves flushing to the operating system: faster, and a crash of the machine loses what was
	// acknowledged. For tests.
	NoSync bool
	// MaxStore bounds all streams together, in bytes; 0: the size of the disk. For tests of a full store.
	MaxStore int64
}

// Cluster names a server among its peers.
type Cluster struct {
	Name, Server string
	Addr         string
	// Advertise, where it is set, is told to other servers in place of Addr, and clients are told of no server
	// but the one that they know.
	Advertise string
	Peers     []string
	Authority *creds.Authority
}

// Server is a running server.
type Server struct {
	ns        *server.Server
	authority *creds.Authority
	log       *slog.Logger
	failed    chan error
}

// Start runs a server and waits until it accepts connections. Every write is synced to disk before it is
// acknowledged.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	authority, err := authorityOf(cfg)
	if err != nil {
		return nil, err
	}
	options, err := serverOptions(cfg, authority)
	if err != nil {
		return nil, err
	}
	ns, err := server.NewServer(options)
	if err != nil {
		return nil, fmt.Errorf("NATS server: %w", err)
	}
	failed := make(chan error, 1)
	ns.SetLoggerV2(&logger{log: log, failed: failed}, false, false, false)
	ns.Start()
	for !ns.ReadyForConnections(50 * time.Millisecond) {
		if ctx.Err() != nil || !ns.Running() {
			stop(ns, log)
			return nil, fmt.Errorf("the NATS server did not start: %w", errors.Join(ctx.Err(), lastError(cfg)))
		}
	}
	return &Server{ns: ns, authority: authority, log: log, failed: failed}, nil
}

func authorityOf(cfg Config) (*creds.Authority, error) {
	if cfg.Cluster != nil {
		return cfg.Cluster.Authority, nil
	}
	return creds.Open(filepath.Join(cfg.Dir, "nats"))
}

func serverOptions(cfg Config, authority *creds.Authority) (*server.Options, error) {
	operator, err := jwt.DecodeOperatorClaims(authority.OperatorJWT)
	if err != nil {
		return nil, err
	}
	resolver, err := accounts(filepath.Join(cfg.Dir, "nats", "accounts"), authority)
	if err != nil {
		return nil, fmt.Errorf("NATS accounts: %w", err)
	}
	o := &server.Options{
		ServerName: "plumbline", JetStream: true, StoreDir: filepath.Join(cfg.Dir, "nats", "store"), SyncAlways: !cfg.NoSync,
		JetStreamMaxStore: cmp.Or(cfg.MaxStore, maxStore(cfg.Dir)), MaxPayload: topology.MaxPayload, MaxControlLine: topology.MaxControlLine, NoSigs: true, NoSystemAccount: false,
		TrustedOperators: []*jwt.OperatorClaims{operator}, AccountResolver: resolver, SystemAccount: authority.SystemID,
		DontListen: cfg.Addr == "", DisableJetStreamBanner: true,
		// A page of 1,000 inventory records on its way to a slow reader.
		MaxPending: 64 << 20,
		// A client that vanished without closing its connection is noticed within 15 s, a server within 6.
		PingInterval: 5 * time.Second, MaxPingsOut: 2,
	}
	if cfg.Addr != "" {
		if o.Host, o.Port, err = hostPort(cfg.Addr); err != nil {
			return nil, fmt.Errorf("NATS address: %w", err)
		}
	}
	if c := cfg.Cluster; c != nil {
		o.ServerName = c.Server
		o.Cluster.Name, o.Cluster.PingInterval, o.Cluster.MaxPingsOut = c.Name, 2*time.Second, 2
		if o.Cluster.Host, o.Cluster.Port, err = hostPort(c.Addr); err != nil {
			return nil, fmt.Errorf("NATS cluster address: %w", err)
		}
		o.Cluster.Advertise, o.Cluster.NoAdvertise = c.Advertise, c.Advertise != ""
		for _, p := range c.Peers {
			o.Routes = append(o.Routes, server.RoutesFromStr("nats://"+p)...)
		}
	}
	return o, nil
}

// accounts makes the directory of the accounts' claims anew: the authority knows every revocation. While the server
// runs, claims that are pushed to it are stored there and passed on to the other servers of its cluster.
func accounts(dir string, authority *creds.Authority) (*server.DirAccResolver, error) {
	claims, err := authority.AccountJWTs()
	if err != nil {
		return nil, err
	}
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o700)); err != nil {
		return nil, err
	}
	resolver, err := server.NewDirAccResolver(dir, 0, time.Minute, server.NoDelete)
	if err != nil {
		return nil, err
	}
	for id, claim := range claims {
		if err := resolver.Store(id, claim); err != nil {
			return nil, err
		}
	}
	return resolver, nil
}

func hostPort(addr string) (string, int, error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, err
	}
	port, err := strconv.Atoi(text)
	if err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("port %q is not a number up to 65535", text)
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	return host, port, nil
}

// lastError finds the commonest reason why a server does not start: the address is taken.
func lastError(cfg Config) error {
	if cfg.Addr == "" {
		return errors.New("see the log")
	}
	l, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return err
	}
	l.Close()
	return errors.New("see the log")
}

// Connect gives a connection of a role, in process; the role's permissions hold as over the network.
// more may set what the server does not decide: a tracer, say.
func (s *Server) Connect(ctx context.Context, role topology.Role, log *slog.Logger, more ...func(*bus.Config)) (*bus.Conn, error) {
	token, seed, err := s.authority.User(role)
	if err != nil {
		return nil, err
	}
	return s.connect(ctx, role, string(role), log, nats.UserJWTAndSeed(token, seed), more)
}

// ConnectFollower connects with a follower's credentials file, in process.
func (s *Server) ConnectFollower(ctx context.Context, name string, file []byte, log *slog.Logger) (*bus.Conn, error) {
	return s.connect(ctx, topology.Follower, name, log, nats.UserCredentialBytes(file), nil)
}

func (s *Server) connect(ctx context.Context, role topology.Role, name string, log *slog.Logger, login nats.Option, more []func(*bus.Config)) (*bus.Conn, error) {
	if log == nil {
		log = s.log
	}
	cfg := bus.Config{Role: role, Follower: name, Log: log, Options: []nats.Option{s.InProcess(), login}}
	for _, set := range more {
		set(&cfg)
	}
	return bus.Connect(ctx, cfg)
}

// InProcess is the option of a connection that needs no network.
func (s *Server) InProcess() nats.Option { return nats.InProcessServer(s.ns) }

// Watch waits for the store to fail, until ctx ends. After a failed write, a full disk's mostly, the server
// refuses every later one until it is started again: whoever runs it should end and be restarted.
func (s *Server) Watch(ctx context.Context) error {
	select {
	case err := <-s.failed:
		return fmt.Errorf("the store cannot be written, is the disk full? Free space and start again: %w", err)
	case <-ctx.Done():
		return nil
	}
}

// Authority makes users for other systems.
func (s *Server) Authority() *creds.Authority { return s.authority }

// Addr is where the server listens; empty where it does not.
func (s *Server) Addr() string {
	if a := s.ns.Addr(); a != nil {
		return a.String()
	}
	return ""
}

// stopTimeout bounds how long a server may take to stop.
const stopTimeout = 10 * time.Second

// Close stops the server and waits until its files are closed, for up to ten seconds.
func (s *Server) Close() { stop(s.ns, s.log) }

// stop waits for up to [stopTimeout]. Shutdown itself may never return: a server of a cluster that is told to make a
// replicated consumer while it stops does not start the consumer's Raft group, and if it is then told to delete the
// consumer, it waits for that group to end.
func stop(ns interface {
	Shutdown()
	WaitForShutdown()
}, log *slog.Logger) {
	done := make(chan struct{})
	go func() {
		ns.Shutdown()
		ns.WaitForShutdown()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(stopTimeout):
		log.Error("the NATS server did not stop in time", "timeout", stopTimeout)
	}
}
