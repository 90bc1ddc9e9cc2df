package sample

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/httpserve"
)

// Service is the sample API.
type Service struct {
	cfg      Config
	log      *slog.Logger
	clock    clock.Clock
	metrics  *metrics
	verifier *verifier
	server   *httpserve.Server
}

// New creates the service. Nothing runs until [Service.Run] is called.
func New(cfg Config, deps Deps) (*Service, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(deps.Metrics)
	if err != nil {
		return nil, fmt.Errorf("sample: %w", err)
	}
	s := &Service{cfg: cfg, log: deps.Log, clock: deps.Clock, metrics: m,
		verifier: newVerifier(cfg.Issuer, cfg.CertsURL, deps.Clock)}
	s.SetAudience(cfg.Audience)
	s.server = &httpserve.Server{Name: "sample scoring API (--sample-addr)", Addr: cfg.Addr, Log: deps.Log,
		HTTP: &http.Server{
			Handler: s.Handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
			WriteTimeout: 30*time.Second + cfg.Latency, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}}
	return s, nil
}

// SetAudience sets the AUD that tokens must have. An empty AUD rejects every request. It is safe for concurrent use.
func (s *Service) SetAudience(aud string) {
	if aud == "" {
		s.verifier.audience.Store(nil)
		return
	}
	s.verifier.audience.Store(&aud)
}

// Handler serves the API: POST / scores devices, GET /healthz reports that the API runs.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /{$}", s.serveScores)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	return mux
}

// Ready returns nil: the API responds as soon as it listens, with 503 until it has an audience.
func (s *Service) Ready(context.Context) error { return nil }

// Addr returns the listen address, or an empty string while the API does not listen.
func (s *Service) Addr() string { return s.server.Bound() }

// Run serves until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	if s.cfg.AudiencePath != "" {
		go s.followAudience(ctx)
	}
	if s.cfg.Addr == "" {
		<-ctx.Done()
		return nil
	}
	return s.server.Run(ctx)
}
