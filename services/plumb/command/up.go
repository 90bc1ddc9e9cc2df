package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/api"
	"plumbline.dev/services/fetcher"
	"plumbline.dev/services/gateway"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/egress"
	"plumbline.dev/services/internal/tracing"
	"plumbline.dev/services/plumb"
)

// process are the flags of up and demo.
type process struct {
	Data           string        `default:"./plumb-data" type:"path" help:"Directory of the store, and of what is made at first start."`
	APIAddr        string        `default:"127.0.0.1:8400" help:"Where the control plane listens."`
	AccessAddr     string        `default:"127.0.0.1:8401" help:"Where the gateway listens: applications, logins, public keys."`
	NATSAddr       string        `name:"nats-addr" default:"127.0.0.1:4222" help:"Where NATS clients of other systems connect; empty: nowhere."`
	AccountID      proto.Account `help:"Account id, 32 hex characters; without it, one is made at first start and kept." placeholder:"ID"`
	BootstrapToken string        `help:"First API token; without it, one is made at first start, in DATA/api-token. Better by PLUMB_BOOTSTRAP_TOKEN_FILE." placeholder:"TOKEN"`
	BootstrapEmail string        `help:"Address beside which the first API token works as an API key (X-Auth-Key, X-Auth-Email)." placeholder:"EMAIL"`
	TeamDomain     string        `help:"Where people log in, and issuer of application tokens: an URL of the gateway; without it, that of --access-addr." placeholder:"URL"`
	MinInterval    time.Duration `default:"${min_interval}" help:"Shortest interval that an integration may have."`
	PinSecretHost  bool          `default:"true" negatable:"" help:"Demand the secret of an integration or identity provider again when the host of one of its URLs changes."`
	Zone           []api.Zone    `sep:";" help:"Zone and the host suffixes that its applications lie within. Others are made with the API." placeholder:"ID=HOST,HOST"`
	LogMaxBytes    int64         `help:"Bound of the posture log in bytes; without it, a quarter of the disk, 20 GiB at most." placeholder:"BYTES"`
	gatewayFlags
	fetcherFlags
	cli.Trust
	cli.Admin
	cli.Log
	cli.Tracing
}

// gatewayFlags are the gateway's, by the names that its own binary has.
type gatewayFlags struct {
	TLSCert         string         `name:"tls-cert" type:"path" help:"PEM file of the gateway's certificate and those behind it; read again when it changes." placeholder:"PATH" group:"Gateway"`
	TLSKey          string         `name:"tls-key" type:"path" help:"PEM file of its key." placeholder:"PATH" group:"Gateway"`
	DeviceCA        string         `name:"device-ca" type:"path" help:"PEM file of the authorities whose client certificates name devices." placeholder:"PATH" group:"Gateway"`
	Overlay         []netip.Prefix `help:"Networks in which the source address tells the device, by its virtual_ipv4." placeholder:"CIDR" group:"Gateway"`
	TrustedProxy    []netip.Prefix `help:"Proxies in front whose X-Forwarded-For, -Proto and -Host are believed." placeholder:"CIDR" group:"Gateway"`
	ForwardAuthFrom []netip.Prefix `help:"Proxies that may ask about requests: nginx, Traefik, Caddy, Envoy." placeholder:"CIDR" group:"Gateway"`
	ExtAuthzAddr    string         `help:"Where Envoy asks, over gRPC; without it, nowhere." placeholder:"HOST:PORT" group:"Gateway"`
	ExtAuthzCert    string         `name:"ext-authz-cert" type:"path" help:"PEM file of the certificate that Envoy is shown; without it, gRPC is spoken in plain." placeholder:"PATH" group:"Gateway"`
	ExtAuthzKey     string         `name:"ext-authz-key" type:"path" help:"PEM file of its key." placeholder:"PATH" group:"Gateway"`
	ExtAuthzCA      string         `name:"ext-authz-ca" type:"path" help:"PEM file of the authorities of the certificates that Envoys must show." placeholder:"PATH" group:"Gateway"`
	OriginIdle      time.Duration  `name:"origin-idle-timeout" default:"4s" help:"How long an unused connection to an origin is kept; less than the origin keeps it (Node: 5s)." group:"Gateway"`
	OriginDeny      []netip.Prefix `help:"Addresses that no request is sent to as an origin, beside link-local and metadata ones." placeholder:"CIDR" group:"Gateway"`
	Hold            time.Duration  `default:"5m" help:"How long the gateway goes on with what it last knew, when the bus cannot be reached; then it refuses." group:"Gateway"`
}

func (g *gatewayFlags) gateway() gateway.Config {
	return gateway.Config{TLSCert: g.TLSCert, TLSKey: g.TLSKey, DeviceCA: g.DeviceCA, Overlay: g.Overlay, TrustedProxy: g.TrustedProxy,
		ForwardAuthFrom: g.ForwardAuthFrom, ExtAuthzAddr: g.ExtAuthzAddr, OriginIdle: g.OriginIdle, OriginDeny: g.OriginDeny,
		ExtAuthzCert: g.ExtAuthzCert, ExtAuthzKey: g.ExtAuthzKey, ExtAuthzCA: g.ExtAuthzCA, Hold: g.Hold}
}

// fetcherFlags are the fetcher's, by the names that its own binary has.
type fetcherFlags struct {
	MaxInFlight    int            `default:"64" help:"Pages that are asked about at once, about 1 MB each." group:"Scoring APIs"`
	CallTimeout    time.Duration  `default:"60s" help:"For one page in all: attempts, waits and tokens." group:"Scoring APIs"`
	AttemptTimeout time.Duration  `default:"20s" help:"For one request and its answer." group:"Scoring APIs"`
	MaxAnswer      int64          `default:"8388608" help:"Bound of an answer, in bytes." group:"Scoring APIs"`
	EgressAllow    []netip.Prefix `help:"The only addresses that are called; without it, all that are not denied." placeholder:"CIDR" group:"Scoring APIs"`
	EgressDeny     []netip.Prefix `help:"Addresses that are not called, beside link-local and metadata ones: scoring APIs, and the gateway's identity providers, key URLs and external evaluations." placeholder:"CIDR" group:"Scoring APIs"`
	EgressProxy    bool           `help:"Go through the proxy that the environment names; it is then what is checked." group:"Scoring APIs"`
}

func (f *fetcherFlags) fetcher() fetcher.Config {
	return fetcher.Config{MaxInFlight: f.MaxInFlight, CallTimeout: f.CallTimeout, AttemptTimeout: f.AttemptTimeout, MaxAnswer: f.MaxAnswer,
		Egress: egress.Config{Allow: f.EgressAllow, Deny: f.EgressDeny, Proxy: f.EgressProxy}}
}

func (p *process) config() plumb.Config {
	cfg := plumb.Config{
		Data: p.Data, Account: p.AccountID, BootstrapToken: p.BootstrapToken, APIAddr: p.APIAddr, AccessAddr: p.AccessAddr,
		NATSAddr: p.NATSAddr, AdminAddr: p.AdminAddr, TeamDomain: p.TeamDomain, MinInterval: p.MinInterval, LogMaxBytes: p.LogMaxBytes,
		FreeSecretHost: !p.PinSecretHost, Zones: p.Zone, BootstrapEmail: p.BootstrapEmail, Gateway: p.gateway(), Fetcher: p.fetcher(),
	}
	cfg.Gateway.RootCAs, cfg.Fetcher.Egress.RootCAs = p.Roots(), p.Roots()
	return cfg
}

// deps are the process's; flush sends the last spans.
func (p *process) deps(ctx context.Context) (deps plumb.Deps, flush func(), err error) {
	tracer, send, err := tracing.New(ctx, "plumb", p.OTLPEndpoint, p.TraceShare)
	if err != nil {
		return plumb.Deps{}, nil, cli.Usage("--otlp-endpoint, --trace-share: %w", err)
	}
	cli.MemoryForTime() // as the gateway's own binary does
	log := p.Logger()
	flush = func() {
		if err := send(); err != nil {
			log.Warn("the last spans were not sent", "err", err)
		}
	}
	metrics := cli.Metrics()
	return plumb.Deps{Log: log, Metrics: metrics, Clock: clock.System, Tracer: tracer}, flush, nil
}

type upCmd struct{ process }

func (c *upCmd) Run(ctx context.Context, t *cli.Terminal) error {
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
	return untilAsked(ctx, service.Run(ctx))
}

// untilAsked makes the end that was asked for a clean one.
func untilAsked(ctx context.Context, err error) error {
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(ctx))) {
		return nil
	}
	return err
}

// greet tells where things are. The token itself is shown to a person only.
func greet(out io.Writer, person bool, i plumb.Installation) {
	rows := [][2]string{
		{"control plane", fmt.Sprintf("%s/client/v4/accounts/%s", i.APIURL, i.Account)},
		{"gateway", i.AccessURL},
		{"public keys", i.TeamDomain + "/cdn-cgi/access/certs"},
		{"health, metrics", i.AdminURL},
	}
	switch {
	case i.TokenMade && person:
		rows = append(rows, [2]string{"API token", fmt.Sprintf("%s (new, kept in %s)", i.Token, i.Data.TokenPath())})
	case i.TokenKept:
		rows = append(rows, [2]string{"API token", "in " + i.Data.TokenPath()})
	}
	if i.NATSAddr != "" {
		rows = append(rows, [2]string{"results on NATS", fmt.Sprintf("nats://%s with the credentials %s", i.NATSAddr, i.Data.FollowerPath())})
	}
	for _, r := range rows {
		fmt.Fprintf(out, "  %-16s %s\n", r[0], r[1])
	}
}
