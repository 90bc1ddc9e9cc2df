package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// shutdownTimeout bounds how long requests under way may take to finish when the service ends.
const shutdownTimeout = 2 * time.Second

// listen serves until ctx ends. Streams are told to end; other requests have [shutdownTimeout].
func (s *Service) listen(ctx context.Context) error {
	for _, await := range []func(context.Context) error{s.catalog.Await, s.tokens.Await, s.inventory.Await, s.overview.Await} {
		if err := await(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", s.cfg.Addr)
	if err != nil {
		return fmt.Errorf("control plane address (--api-addr): %w", err)
	}
	addr := l.Addr().String()
	s.addr.Store(&addr)
	s.log.Info("control plane listens", "addr", addr)
	requests, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	server := &http.Server{
		Handler: s.handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		BaseContext: func(net.Listener) context.Context { return requests },
		ErrorLog:    slogLogger(s.log),
	}
	stopped := make(chan struct{})
	context.AfterFunc(ctx, func() {
		defer close(stopped)
		close(s.ending)
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		if server.Shutdown(bounded) != nil {
			server.Close()
		}
	})
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	<-stopped
	return nil
}
