package plumb

import (
	"errors"
	"log/slog"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/access"
	"plumbline.dev/services/fetcher"
	"plumbline.dev/services/gateway"
	"plumbline.dev/services/internal/clock"
)

// Config says where everything is. An address with port 0 takes a free one; see [Installation].
type Config struct {
	Data string // directory of the store and of all that is made at first start
	// Account is the installation's; zero: the one kept in Data, made at first start.
	Account proto.Account
	// BootstrapToken is the first API token; empty: the one kept in Data, made at first start.
	BootstrapToken string
	// BootstrapEmail makes the first API token an API key too, beside this address; empty: it is none.
	BootstrapEmail string
	APIAddr        string // control plane
	AccessAddr     string // the gateway
	NATSAddr       string // NATS clients of other systems; empty: none
	AdminAddr      string // health and metrics
	// TeamDomain is the issuer of application tokens, an URL; empty: AccessAddr's.
	TeamDomain  string
	MinInterval time.Duration // shortest interval of an integration; 0: one minute
	// FreeSecretHost keeps the secret of an integration or an identity provider when the host of a URL changes.
	FreeSecretHost bool
	// Zones are those of the configuration.
	Zones []access.Zone
	// LogMaxBytes bounds the posture log; 0: a quarter of the disk, 20 GiB at most.
	LogMaxBytes int64
	// AcceptLoss makes the installation run without what its store lost; what that is is logged.
	AcceptLoss bool
	// Fetcher is how scoring APIs are called; our own listeners are never.
	Fetcher fetcher.Config
	// Gateway is what the gateway does; its address, team domain and session key are those above and in Data.
	Gateway gateway.Config
}

// Deps are what the process hands in.
type Deps struct {
	Log     *slog.Logger
	Metrics *prometheus.Registry // of all services; what is on it is served on AdminAddr
	Clock   clock.Clock
	Tracer  trace.TracerProvider // nil: no spans
}

func (c *Config) check() error {
	if c.Data == "" {
		return errors.New("a data directory is needed (--data)")
	}
	if c.MinInterval < 0 || c.LogMaxBytes < 0 {
		return errors.New("--min-interval and --log-max-bytes cannot be negative")
	}
	if c.MinInterval == 0 {
		c.MinInterval = time.Minute
	}
	return nil
}

// urlOf is the URL at which a listener on addr is reached from this machine.
func urlOf(scheme, addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip.IsUnspecified()) {
		addr = net.JoinHostPort("127.0.0.1", port)
	}
	return scheme + "://" + addr
}
