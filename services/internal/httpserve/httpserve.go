// Package httpserve runs an HTTP server until a context ends.
package httpserve

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"plumbline.dev/bus/openfiles"
)

// DefaultGrace is how long current requests may take to finish once the server stops.
const DefaultGrace = time.Second

// Server is an HTTP server with its address. It is run once.
type Server struct {
	Name string // for errors and the log, such as "certs endpoint (--access-addr)"
	Addr string // host:port; port 0 picks a free one
	// HTTP is the handler and its limits; its Addr is ignored.
	HTTP *http.Server
	Log  *slog.Logger
	// TLS, if set, enables TLS.
	TLS *tls.Config
	// Grace bounds the wait for current requests. Their contexts end afterwards; 0 means [DefaultGrace].
	Grace time.Duration
	// Ending, if set, is called first when the server stops, to end streams.
	Ending func()

	// MaxConns limits the connections: above it, idle and unfinished ones are closed for new ones. 0: an eighth of the
	// process's limit of open files.
	MaxConns int

	bound atomic.Pointer[string]
}

// Bound returns the address of the listener; empty before it listens. It is safe for concurrent use.
func (s *Server) Bound() string {
	if a := s.bound.Load(); a != nil {
		return *a
	}
	return ""
}

// Run serves until ctx ends, and then returns nil. It fails at once if the address is in use.
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
	limit(s.HTTP, cmp.Or(s.MaxConns, openfiles.Share(8)), s.Log.With("server", s.Name))
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
