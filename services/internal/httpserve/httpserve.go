// Package httpserve runs an HTTP server for as long as a context lasts.
package httpserve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// DefaultGrace is how long requests under way may take to finish once the server ends.
const DefaultGrace = time.Second

// Server is an HTTP server and where it listens. It is run once.
type Server struct {
	Name string // in errors and in the log: "certs endpoint (--access-addr)"
	Addr string // host:port; port 0 takes a free one
	// HTTP is the handler and its bounds; its Addr is not used.
	HTTP *http.Server
	Log  *slog.Logger
	// TLS, where it is set, is spoken to clients.
	TLS *tls.Config
	// Grace bounds the end of requests under way, whose context then ends; 0 means [DefaultGrace].
	Grace time.Duration
	// Ending, where it is set, is called first when the server ends: streams have to be told.
	Ending func()

	bound atomic.Pointer[string]
}

// Bound is where the server listens; empty before it does. Safe for concurrent use.
func (s *Server) Bound() string {
	if a := s.bound.Load(); a != nil {
		return *a
	}
	return ""
}

// Run serves until ctx ends, which is no error. An address that is taken is an error at once.
func (s *Server) Run(ctx context.Context) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", s.Addr)
	if err != nil {
		return fmt.Errorf("%s: %w", s.Name, err)
	}
	addr := l.Addr().String()
	s.bound.Store(&addr)
	s.Log.Info("listens", "server", s.Name, "addr", addr)
	if s.TLS != nil {
		l = tls.NewListener(l, s.TLS)
	}
	requests, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	s.HTTP.BaseContext = func(net.Listener) context.Context { return requests }
	s.HTTP.ErrorLog = slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug)
	ended := make(chan error, 1)
	go func() { ended <- s.HTTP.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("%s: %w", s.Name, err)
	case <-ctx.Done():
	}
	if s.Ending != nil {
		s.Ending()
	}
	grace := s.Grace
	if grace == 0 {
		grace = DefaultGrace
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if s.HTTP.Shutdown(bounded) != nil {
		abort()
		_ = s.HTTP.Close()
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("%s: %w", s.Name, err)
	}
	return nil
}
