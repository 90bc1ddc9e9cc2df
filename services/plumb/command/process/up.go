package process

import (
	"context"
	"errors"
	"fmt"
	"io"

	"plumbline.dev/services/console/session"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/flags"
	"plumbline.dev/services/internal/flags/apiflags"
	"plumbline.dev/services/internal/flags/fetcherflags"
	"plumbline.dev/services/internal/flags/gatewayflags"
	"plumbline.dev/services/internal/tracing"
	"plumbline.dev/services/plumb"
)

// processFlags are the flags of plumb up and plumb demo.
type processFlags struct {
	Data string `default:"./plumb-data" type:"path" help:"Directory for the store, and for the keys and tokens of the first start."`
	flags.AccessAddr
	NATSAddr    string `name:"nats-addr" default:"127.0.0.1:4222" help:"Listen address for NATS clients of other systems. Empty: none."`
	ConsoleAddr string `default:"127.0.0.1:8403" help:"Listen address of the console. Empty: none."`
	storeFlags  `set:"log_default=a quarter of the disk, up to 20 GiB"`
	flags.LocalTeamDomain
	//lint:ignore SA5008 kong reads every set of a struct
	apiflags.Flags `embed:"" set:"account_default=a new one at the first start" set:"token_default=a new one, in DATA/api-token"`
	Gateway        gatewayflags.Flags `embed:"" group:"Gateway"`
	Fetcher        fetcherflags.Flags `embed:"" group:"Scoring APIs"`
	cli.Trust
	cli.Admin
	cli.Log
	cli.Tracing
}

func (p *processFlags) config() plumb.Config {
	api := p.Flags.Config()
	cfg := plumb.Config{
		Data: p.Data, Account: api.Account, BootstrapToken: api.BootstrapToken, BootstrapEmail: api.BootstrapEmail,
		APIAddr: api.Addr, AccessAddr: p.AccessAddr.AccessAddr, NATSAddr: p.NATSAddr, AdminAddr: p.AdminAddr,
		TeamDomain: p.TeamDomain, MinInterval: api.MinInterval, LogMaxBytes: p.LogMaxBytes, AcceptLoss: p.AcceptLoss,
		ConsoleAddr: p.ConsoleAddr, FreeSecretHost: api.FreeSecretHost, Zones: api.Zones,
		ConsoleAudiences: api.ConsoleAudiences, Gateway: p.Gateway.Config(), Fetcher: p.Fetcher.Config(),
	}
	cfg.Gateway.RootCAs, cfg.Fetcher.Egress.RootCAs = p.Roots(), p.Roots()
	return cfg
}

// deps returns the dependencies of the services. flush sends the last spans.
func (p *processFlags) deps(ctx context.Context) (deps plumb.Deps, flush func(), err error) {
	tracer, send, err := tracing.New(ctx, "plumb", p.OTLPEndpoint, p.TraceShare)
	if err != nil {
		return plumb.Deps{}, nil, cli.Usage("--otlp-endpoint, --trace-share: %w", err)
	}
	cli.MemoryForTime() // as in the gateway's own binary
	log := p.Logger()
	flush = func() {
		if err := send(); err != nil {
			log.Warn("failed to send the last spans", "err", err)
		}
	}
	metrics := cli.Metrics()
	return plumb.Deps{Log: log, Metrics: metrics, Clock: clock.System, Tracer: tracer}, flush, nil
}

// Up is the command plumb up.
type Up struct{ processFlags }

// Run runs every service until ctx ends.
func (c *Up) Run(ctx context.Context, t *cli.Terminal) error {
	if c.Probe {
		return c.Admin.Ask(ctx)
	}
	deps, flush, err := c.deps(ctx)
	if err != nil {
		return err
	}
	defer flush()
	service, err := plumb.New(c.config(), deps)
	if err != nil {
		return cli.Usage("%w", err)
	}
	service.Add("greeting", func(ctx context.Context) error {
		if i, err := service.Await(ctx); err == nil {
			greet(t.Out, t.OutTTY, i)
			<-ctx.Done()
		}
		return nil
	})
	return ignoreInterrupt(ctx, service.Run(ctx))
}

// ignoreInterrupt returns nil if err only says that ctx ended.
func ignoreInterrupt(ctx context.Context, err error) error {
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(ctx))) {
		return nil
	}
	return err
}

// loginOf returns the link that logs in to the console. It is printed to a log too, because it works once.
func loginOf(i plumb.Installation) string {
	return i.LoginURL + " (works once, for " + session.LinkMinutes + ")"
}

// greet writes the addresses of an installation. A new API token is shown on a terminal only.
func greet(out io.Writer, terminal bool, i plumb.Installation) {
	rows := [][2]string{
		{"control plane", fmt.Sprintf("%s/client/v4/accounts/%s", i.APIURL, i.Account)},
		{"gateway", i.AccessURL},
		{"public keys", i.TeamDomain + "/cdn-cgi/access/certs"},
		{"health, metrics", i.AdminURL},
	}
	if i.ConsoleURL != "" {
		rows = append(rows, [2]string{"console", loginOf(i)})
	}
	switch {
	case i.TokenMade && terminal:
		rows = append(rows, [2]string{"API token", fmt.Sprintf("%s (new, stored in %s)", i.Token, i.Data.TokenPath())})
	case i.TokenKept:
		rows = append(rows, [2]string{"API token", "in " + i.Data.TokenPath()})
	}
	if i.NATSAddr != "" {
		rows = append(rows,
			[2]string{"results on NATS", fmt.Sprintf("nats://%s with the credentials %s", i.NATSAddr, i.Data.FollowerPath())})
	}
	for _, r := range rows {
		fmt.Fprintf(out, "  %-16s %s\n", r[0], r[1])
	}
}
