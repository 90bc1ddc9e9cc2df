// Package admin serves a process's health and metrics to its operator. It serves no profiles and nothing
// that names a device or a client.
package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
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
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", s.addr)
	if err != nil {
		return fmt.Errorf("admin address (--admin-addr): %w", err)
	}
	s.log.Info("admin server listens", "addr", l.Addr().String())
	server := &http.Server{Handler: s.handler, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, WriteTimeout: 30 * time.Second}
	stop := context.AfterFunc(ctx, func() {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if server.Shutdown(bounded) != nil {
			server.Close()
		}
	})
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
