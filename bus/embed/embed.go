// Package embed runs a NATS server with JetStream inside a process, for the single-binary installation and for tests.
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
	"plumbline.dev/bus/openfiles"
	"plumbline.dev/bus/topology"
)

// Config holds the data directory and the network settings of a server.
type Config struct {
	Dir string // of the JetStream store and the authority
	// Addr is the address for NATS clients of other systems. If it is empty, only this process can connect.
	Addr string
	Log  *slog.Logger
	// Cluster, if not nil, makes the server a member of a cluster, for tests of replicas.
	Cluster *Cluster
	// NoSync leaves syncing writes to the operating system. This is faster, but a crash of the machine loses
	// acknowledged messages. It is meant for tests.
	NoSync bool
	// MaxStore bounds all streams together, in bytes; 0: the size of the disk. For tests of a full store.
	MaxStore int64
}

// Cluster describes a server of a cluster and its peers.
type Cluster struct {
	Name, Server string
	Addr         string
	// Advertise, if not empty, replaces Addr in announcements to other servers. Clients then learn no other
	// addresses.
	Advertise string
	Peers     []string
	Authority *creds.Authority
}

// Server is a running NATS server.
type Server struct {
	ns        *server.Server
	authority *creds.Authority
	log       *slog.Logger
	failed    chan error
}

// Start starts a server and waits until it accepts connections. Every write is synced to disk before it is
// acknowledged, unless [Config.NoSync] is set.
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
	failed, fatal := make(chan error, 1), make(chan error, 1)
	ns.SetLoggerV2(&logger{log: log, failed: failed, fatal: fatal}, false, false, false)
	ns.Start()
	if err := awaitReady(ctx, ns, fatal); err != nil {
		stop(ns, log)
		return nil, fmt.Errorf("NATS server did not start: %w", err)
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
		JetStreamMaxStore: cmp.Or(cfg.MaxStore, maxStore(cfg.Dir)), MaxPayload: topology.MaxPayload,
		MaxControlLine: topology.MaxControlLine, NoSigs: true, NoSystemAccount: false,
		TrustedOperators: []*jwt.OperatorClaims{operator}, AccountResolver: resolver, SystemAccount: authority.SystemID,
		DontListen: cfg.Addr == "", DisableJetStreamBanner: true,
		// Enough for 1,000 inventory records on their way to a slow reader.
		MaxPending: 64 << 20,
		// A client lost without closing its connection is detected within 15 s, a server within 6 s.
		PingInterval: 5 * time.Second, MaxPingsOut: 2,
		// Connections without a login are closed after 2 s, so they cannot use up the file descriptors of the store.
		MaxConn: openfiles.Share(8), AuthTimeout: 2,
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

// accounts recreates the directory of account claims; the authority has all revocations. While the server runs, it
// stores claims pushed to it there, and forwards them to the other servers of its cluster.
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
		return "", 0, fmt.Errorf("port %q is not a number from 0 to 65535", text)
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	return host, port, nil
}

// awaitReady waits until the server accepts connections. After a fatal error, such as an address already in use, the
// server runs on without listening.
func awaitReady(ctx context.Context, ns *server.Server, fatal <-chan error) error {
	for !ns.ReadyForConnections(50 * time.Millisecond) {
		select {
		case err := <-fatal:
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		default:
		}
		if !ns.Running() {
			return errors.New("see the log")
		}
	}
	return nil
}

// Connect returns an in-process connection with the same permissions as a network connection of the role. The
// functions in more may adjust client-side settings, such as a tracer.
func (s *Server) Connect(
	ctx context.Context, role topology.Role, log *slog.Logger, more ...func(*bus.Config),
) (*bus.Conn, error) {
	file, err := s.authority.File(role)
	if err != nil {
		return nil, err
	}
	return s.connect(ctx, role, file, log, more)
}

// ConnectFollower returns an in-process connection for a follower's credentials file.
func (s *Server) ConnectFollower(ctx context.Context, file []byte, log *slog.Logger) (*bus.Conn, error) {
	return s.connect(ctx, topology.Follower, file, log, nil)
}

func (s *Server) connect(
	ctx context.Context, role topology.Role, file []byte, log *slog.Logger, more []func(*bus.Config),
) (*bus.Conn, error) {
	if log == nil {
		log = s.log
	}
	cfg := bus.Config{Role: role, CredsContent: file, Log: log, Options: []nats.Option{s.InProcess()}}
	for _, set := range more {
		set(&cfg)
	}
	return bus.Connect(ctx, cfg)
}

// Watch returns an error when the store fails, and nil when ctx ends. After a failed write, usually because of a full
// disk, the server rejects all further writes until it is restarted; the process should exit and be restarted.
func (s *Server) Watch(ctx context.Context) error {
	select {
	case err := <-s.failed:
		return fmt.Errorf("cannot write to the store, possibly because the disk is full: free space and restart: %w", err)
	case <-ctx.Done():
		return nil
	}
}

// Authority returns the authority, for creating users of other systems.
func (s *Server) Authority() *creds.Authority { return s.authority }

// Addr returns the address the server listens on, or "" if it does not listen.
func (s *Server) Addr() string {
	if a := s.ns.Addr(); a != nil {
		return a.String()
	}
	return ""
}

// Running reports whether the server was not closed yet.
func (s *Server) Running() bool { return s.ns.Running() }

// stopTimeout limits the shutdown of a server.
const stopTimeout = 10 * time.Second

// Close stops the server and waits until its files are closed, for at most 10 s.
func (s *Server) Close() { stop(s.ns, s.log) }

// stop waits for at most [stopTimeout], because Shutdown may never return. If a server of a cluster is told to create
// a replicated consumer while it stops, it does not start the consumer's Raft group; if it is then told to delete the
// consumer, it waits forever for this group to end.
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
