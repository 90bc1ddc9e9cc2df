package forward

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/peer"
	"plumbline.dev/services/internal/httpserve"
	"plumbline.dev/services/internal/policy"
)

// Bounds of the gRPC server. A message holds a request's headers, twice at most, and a certificate.
const (
	maxMessage  = 512 << 10
	maxStreams  = 1024 // of one connection
	stopWithin  = time.Second
	serviceName = "envoy.service.auth.v3.Authorization"
)

// AuthzConfig configures the server for Envoy.
type AuthzConfig struct {
	Addr string // host:port of the gRPC listener
	// From lists the addresses of Envoys that may ask; none by default.
	From []netip.Prefix
	// Trusted lists proxies in front of Envoy with trusted X-Forwarded-For entries.
	Trusted []netip.Prefix
	// DeviceCA returns the current pool for verifying client certificates forwarded by Envoy. If it is nil or returns
	// nil, they are ignored.
	DeviceCA func() *x509.CertPool
	// TLS, if set, is used for connections from Envoy.
	TLS *tls.Config
	// MaxConns limits the connections: above it, silent ones are closed for new ones. 0: an eighth of the limit of open
	// files.
	MaxConns int
}

// Authz serves Envoy's ext_authz filter: envoy.service.auth.v3.Authorization over gRPC, and gRPC's health protocol.
// It is run once.
type Authz struct {
	authv3.UnimplementedAuthorizationServer
	cfg     AuthzConfig
	deps    Deps
	log     *quiet
	metrics *metrics
	certs   *certificates
	bound   atomic.Pointer[string]
}

// NewAuthz returns the server. It does not listen until [Authz.Run].
func NewAuthz(cfg AuthzConfig, deps Deps) (*Authz, error) {
	m, err := newMetrics(deps.Metrics)
	if err != nil {
		return nil, err
	}
	certs, err := newCertificates(cfg.DeviceCA)
	if err != nil {
		return nil, err
	}
	return &Authz{cfg: cfg, deps: deps, log: &quiet{log: deps.Log}, metrics: m, certs: certs}, nil
}

// Bound returns the address of the listener; empty before it listens. It is safe for concurrent use.
func (s *Authz) Bound() string {
	if a := s.bound.Load(); a != nil {
		return *a
	}
	return ""
}

// Run serves until ctx ends and then returns nil. Current requests have a second to finish. It fails at once if the
// address is in use.
func (s *Authz) Run(ctx context.Context) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", s.cfg.Addr)
	if err != nil {
		return fmt.Errorf("ext_authz (--ext-authz-addr): %w", err)
	}
	addr := l.Addr().String()
	transport := insecure.NewCredentials()
	if s.cfg.TLS != nil {
		transport = credentials.NewTLS(s.cfg.TLS)
	}
	server := grpc.NewServer(grpc.Creds(transport), grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.ConnectionTimeout(5*time.Second), grpc.MaxHeaderListSize(16<<10),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Minute, Timeout: 10 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}))
	authv3.RegisterAuthorizationServer(server, s)
	healthy := health.NewServer()
	healthy.SetServingStatus(serviceName, grpc_health_v1.HealthCheckResponse_SERVING)
	grpc_health_v1.RegisterHealthServer(server, healthy)
	s.bound.Store(&addr)
	s.deps.Log.Info("listens", "server", "ext_authz (--ext-authz-addr)", "addr", addr)
	ended := make(chan error, 1)
	limited := httpserve.Limit(l, s.cfg.MaxConns, s.deps.Log.With("server", "ext_authz (--ext-authz-addr)"))
	go func() { ended <- server.Serve(limited) }()
	select {
	case err := <-ended:
		return fmt.Errorf("ext_authz (--ext-authz-addr): %w", err)
	case <-ctx.Done():
	}
	healthy.Shutdown()
	late := time.AfterFunc(stopWithin, server.Stop)
	server.GracefulStop()
	late.Stop()
	if err := <-ended; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("ext_authz (--ext-authz-addr): %w", err)
	}
	return nil
}

// Check implements the Authorization service. It never returns a gRPC error, because an Envoy may be configured to
// allow requests on errors.
func (s *Authz) Check(ctx context.Context, r *authv3.CheckRequest) (answer *authv3.CheckResponse, _ error) {
	defer func() {
		if p := recover(); p != nil {
			s.deps.Log.Error("panic in an answer to Envoy", "panic", p)
			answer = denied(refusal(http.Header{}, http.StatusInternalServerError, policy.Undecided))
		}
	}()
	from := asker(ctx)
	if !Contains(s.cfg.From, from) {
		s.log.warn("request from an address outside --forward-auth-from", "from", from, "proxy", "envoy")
		s.metrics.answered("envoy", "not_allowed")
		return denied(refusal(http.Header{}, http.StatusForbidden, policy.UntrustedProxy)), nil
	}
	described, err := s.describe(r.GetAttributes())
	if err != nil {
		s.log.warn("malformed request from a proxy", "proxy", "envoy", "from", from, "error", err)
		s.metrics.answered("envoy", "bad")
		return denied(refusal(http.Header{}, http.StatusBadRequest, policy.BadRequest)), nil
	}
	a := s.deps.Gate.Check(ctx, &described.Request)
	if !a.Admitted() {
		s.metrics.answered("envoy", "refused")
		return denied(orRefused(&described.Request, a)), nil
	}
	s.metrics.answered("envoy", "admitted")
	return described.admitted(a), nil
}

// asker returns the address of the caller; the zero Addr if it is not known.
func asker(ctx context.Context) netip.Addr {
	if p, ok := peer.FromContext(ctx); ok {
		if tcp, ok := p.Addr.(*net.TCPAddr); ok {
			return plain(tcp.AddrPort().Addr())
		}
	}
	return netip.Addr{}
}
