// Package admin serves a process's health and metrics to its operator. It serves no profiles and nothing
// that names a device or a client.
package admin

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"plumbline.dev/services/internal/httpserve"
)

// Server answers /healthz (the process lives), /readyz (it can do its work; 503 and why when not) and
// /metrics (Prometheus).
type Server struct {
	addr    string
	handler http.Handler
	log     *slog.Logger
}

// readyTimeout bounds how long a readiness check may take.
const readyTimeout = 2 * time.Second

// New makes a server; ready tells why the process is not ready, nil when it is.
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

// Handler is what the server serves.
func (s *Server) Handler() http.Handler { return s.handler }

// Run serves until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	server := httpserve.Server{Name: "admin server (--admin-addr)", Addr: s.addr, Log: s.log, HTTP: &http.Server{
		Handler: s.handler, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, WriteTimeout: 30 * time.Second}}
	return server.Run(ctx)
}
