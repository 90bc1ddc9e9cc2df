// Package admin serves a process's health and metrics. It serves no profiles and no names of devices or clients.
package admin

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"plumbline.dev/bus/openfiles"
	"plumbline.dev/services/internal/httpserve"
)

// Server serves /healthz (the process lives), /readyz (it can do its work, otherwise 503 with the reason) and
// /metrics (Prometheus).
type Server struct {
	addr    string
	handler http.Handler
	log     *slog.Logger
}

// readyTimeout bounds a readiness check.
const readyTimeout = 2 * time.Second

// New returns a server. ready returns the reason why the process is not ready, or nil.
func New(addr string, metrics prometheus.Gatherer, ready func(context.Context) error, log *slog.Logger) *Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
		defer cancel()
		if err := ready(ctx); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	return &Server{addr: addr, handler: mux, log: log}
}

// Handler returns the server's handler.
func (s *Server) Handler() http.Handler { return s.handler }

// Run serves until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	server := httpserve.Server{Name: "admin server (--admin-addr)", Addr: s.addr, Log: s.log,
		MaxConns: openfiles.Share(16), HTTP: &http.Server{
			Handler: s.handler, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, WriteTimeout: 30 * time.Second}}
	return server.Run(ctx)
}
