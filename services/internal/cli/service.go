package cli

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"

	"github.com/alecthomas/kong"
	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus"
	"plumbline.dev/bus/openfiles"
	"plumbline.dev/bus/topology"
	"plumbline.dev/services/internal/admin"
	"plumbline.dev/services/internal/busload"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/lifecycle"
	"plumbline.dev/services/internal/tracing"
)

// Common holds the flags shared by all services; a service's flags embed it.
type Common struct {
	NATS
	Admin
	Log
	Tracing
}

func (c *Common) common() *Common { return c }

// Flags are a service's flags: a pointer to a struct embedding [Common].
type Flags interface{ common() *Common }

// Host holds the dependencies that a main passes to its service.
type Host struct {
	Bus     *bus.Conn // as the service's role
	Log     *slog.Logger
	Metrics prometheus.Registerer
	Clock   clock.Clock
}

// Part is a service.
type Part interface {
	// Run works until ctx ends, and returns nil then.
	Run(ctx context.Context) error
	// Ready returns the reason why the service cannot do its work now; nil when it can.
	Ready(ctx context.Context) error
}

// Service is the main of a service: it parses the flags, serves health and metrics, connects to NATS as the role,
// creates the service and runs it until a signal. It returns the exit code.
func Service(role topology.Role, about string, flags Flags, make func(Host) (Part, error)) int {
	app := App{Name: string(role), About: about, Options: []kong.Option{LogAt(slog.LevelInfo)}}
	return Main(app, flags, func(ctx context.Context, _ *kong.Context) error {
		c := flags.common()
		if c.Probe {
			return c.Admin.Ask(ctx)
		}
		tracer, flush, err := tracing.New(ctx, string(role), c.OTLPEndpoint, c.TraceShare)
		if err != nil {
			return Usage("--otlp-endpoint, --trace-share: %w", err)
		}
		defer func() { _ = flush() }() // the process ends
		return serve(ctx, c.Log.Logger(), c.AdminAddr, func(ctx context.Context, h Host) (Part, func(), error) {
			conn, err := bus.Connect(ctx, bus.Config{URL: c.NATSURL, Creds: c.NATSCreds, Ping: c.NATSPing, Role: role,
				Log: h.Log, Tracer: tracer})
			if err != nil {
				return nil, nil, err
			}
			h.Bus = conn
			load, err := busload.New(role, conn, h.Metrics, h.Log)
			if err != nil {
				return nil, conn.Close, err
			}
			part, err := make(h)
			return observed{part, load}, conn.Close, err
		})
	})
}

// observed is a service together with the metrics of its bus.
type observed struct {
	Part
	load *busload.Load
}

func (o observed) Run(ctx context.Context) error {
	asking, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { defer close(done); _ = o.load.Run(asking) }() // it ends with its context only
	err := o.Part.Run(ctx)
	stop()
	<-done
	return err
}

// Process holds the flags of a binary without a bus.
type Process struct {
	Admin
	Log
}

// Standalone is [Service] for binaries without NATS.
func Standalone(name, about string, flags any, process *Process, make func(Host) (Part, error)) int {
	app := App{Name: name, About: about, Options: []kong.Option{LogAt(slog.LevelInfo)}}
	return Main(app, flags, func(ctx context.Context, _ *kong.Context) error {
		if process.Probe {
			return process.Admin.Ask(ctx)
		}
		return serve(ctx, process.Log.Logger(), process.AdminAddr, func(_ context.Context, h Host) (Part, func(), error) {
			part, err := make(h)
			return part, func() {}, err
		})
	})
}

// serve runs the admin server from the start, so that a process waiting for NATS reports why it is not ready, and the
// part once it is created.
func serve(
	ctx context.Context, log *slog.Logger, adminAddr string, build func(context.Context, Host) (Part, func(), error),
) error {
	metrics := Metrics()
	var running atomic.Pointer[Part]
	ready := func(ctx context.Context) error {
		if p := running.Load(); p != nil {
			return (*p).Ready(ctx)
		}
		return errors.New("starting: there is no connection to NATS yet")
	}
	openfiles.Warn(log)
	group := lifecycle.Group{Log: log}
	group.Add("admin", admin.New(adminAddr, metrics, ready, log).Run)
	group.Add("service", func(ctx context.Context) error {
		part, closeAll, err := build(ctx, Host{Log: log, Metrics: metrics, Clock: clock.System})
		if closeAll != nil {
			defer closeAll()
		}
		if err != nil {
			return err
		}
		running.Store(&part)
		return part.Run(ctx)
	})
	if err := group.Run(ctx); err != nil && !(ctx.Err() != nil && errors.Is(err, context.Canceled)) {
		return err
	}
	return nil
}
