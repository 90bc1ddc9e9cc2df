package sample

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"plumbline.dev/services/internal/clock"
)

// Service is the sample API.
type Service struct {
	cfg      Config
	log      *slog.Logger
	clock    clock.Clock
	metrics  *metrics
	verifier *verifier
	listener atomic.Pointer[net.Addr]
}

// New makes the service; nothing runs until [Service.Run].
func New(cfg Config, deps Deps) (*Service, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(deps.Metrics)
	if err != nil {
		return nil, fmt.Errorf("sample: %w", err)
	}
	s := &Service{cfg: cfg, log: deps.Log, clock: deps.Clock, metrics: m, verifier: newVerifier(cfg.Issuer, cfg.CertsURL, deps.Clock)}
	s.SetAudience(cfg.Audience)
	return s, nil
}

// SetAudience tells the AUD that tokens must have; empty: it is not known. Safe at any time.
func (s *Service) SetAudience(aud string) {
	if aud == "" {
		s.verifier.audience.Store(nil)
		return
	}
	s.verifier.audience.Store(&aud)
}

// Handler serves the API: POST / scores devices, GET /healthz tells that the API lives.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /{$}", s.serveScores)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	return mux
}

// Ready is nil: the API answers as soon as it listens, with 503 while it has no audience.
func (s *Service) Ready(context.Context) error { return nil }

// Addr is where the API listens; empty while it does not.
func (s *Service) Addr() string {
	if a := s.listener.Load(); a != nil {
		return (*a).String()
	}
	return ""
}

// Run serves until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	if s.cfg.AudiencePath != "" {
		go s.followAudience(ctx)
	}
	if s.cfg.Addr == "" {
		<-ctx.Done()
		return nil
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", s.cfg.Addr)
	if err != nil {
		return fmt.Errorf("address of the sample API (--sample-addr): %w", err)
	}
	addr := l.Addr()
	s.listener.Store(&addr)
	s.log.Info("sample scoring API listens", "addr", addr.String())
	server := &http.Server{
		Handler: s.Handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: 30*time.Second + s.cfg.Latency, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("sample API: %w", err)
	case <-ctx.Done():
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if server.Shutdown(bounded) != nil {
		_ = server.Close()
	}
	return nil
}
