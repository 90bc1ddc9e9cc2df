package api

import (
	"context"
	"net/http"
	"time"

	"plumbline.dev/services/internal/httpserve"
)

// shutdownTimeout bounds how long requests may take to finish when the service ends.
const shutdownTimeout = 2 * time.Second

// listen serves until ctx ends, once the views are complete. At the end it stops streams, and gives other requests
// [shutdownTimeout].
func (s *Service) listen(ctx context.Context) error {
	for _, await := range []func(context.Context) error{s.store.Await, s.device.Inventory.Await,
		s.posture.Overview.Await} {
		if err := await(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
	s.access.Restore(ctx)
	return s.server.Run(ctx)
}

func (s *Service) newServer() *httpserve.Server {
	return &httpserve.Server{
		Name: "control plane (--api-addr)", Addr: s.cfg.Addr, Log: s.store.Log, Grace: shutdownTimeout,
		// Slow handlers extend the deadline when they start to respond (v4/observe.go).
		HTTP: &http.Server{Handler: s.handler, ReadHeaderTimeout: 10 * time.Second, WriteTimeout: s.cfg.clientTimeout,
			IdleTimeout:    2 * time.Minute,
			MaxHeaderBytes: 64 << 10},
		Ending: func() { close(s.ending) },
	}
}
