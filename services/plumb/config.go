package plumb

import (
	"errors"
	"log/slog"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/zone"
	"plumbline.dev/services/fetcher"
	"plumbline.dev/services/gateway"
	"plumbline.dev/services/internal/clock"
)

// Config configures an installation. Port 0 in an address is replaced by a free port; see [Installation].
type Config struct {
	Data string // directory of the store and of generated secrets
	// Account is the account id. Default: the one stored in Data, created at the first start.
	Account proto.Account
	// BootstrapToken is the first API token. Default: the one stored in Data, created at the first start.
	BootstrapToken string
	// BootstrapEmail makes the first API token an API key too, with this e-mail address. Default: no API key.
	BootstrapEmail string
	APIAddr        string // address of the control plane
	AccessAddr     string // address of the gateway
	NATSAddr       string // address for NATS clients of other systems, or empty
	AdminAddr      string // address of health and metrics
	ConsoleAddr    string // address of the console, or empty
	// TeamDomain is the issuer of application tokens, a URL. Default: the URL of AccessAddr.
	TeamDomain  string
	MinInterval time.Duration // shortest interval of an integration; default one minute
	// FreeSecretHost keeps the secret of an integration or an identity provider when the host of a URL changes.
	FreeSecretHost bool
	// ConsoleAudiences are the AUDs of the console's applications. Their application tokens authenticate members.
	ConsoleAudiences []string
	// Zones lists the configured zones.
	Zones []zone.Configured
	// LogMaxBytes is the size of the posture log at most. Default: a quarter of the disk, up to 20 GiB.
	LogMaxBytes int64
	// AcceptLoss makes the installation run without the data lost from its store. The losses are logged.
	AcceptLoss bool
	// Fetcher configures the calls to scoring APIs. They never reach this process's own addresses.
	Fetcher fetcher.Config
	// Gateway configures the gateway, except its address, team domain and session key.
	Gateway gateway.Config
}

// Deps are the dependencies of an installation.
type Deps struct {
	Log     *slog.Logger
	Metrics *prometheus.Registry // of all services; served on AdminAddr
	Clock   clock.Clock
	Tracer  trace.TracerProvider // nil for no spans
}

func (c *Config) check() error {
	if c.Data == "" {
		return errors.New("the data directory is missing (--data)")
	}
	if c.MinInterval < 0 || c.LogMaxBytes < 0 {
		return errors.New("--min-interval and --log-max-bytes must not be negative")
	}
	if c.MinInterval == 0 {
		c.MinInterval = time.Minute
	}
	return nil
}

// urlOf returns the URL of a listener on addr, as seen from this machine.
func urlOf(scheme, addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip.IsUnspecified()) {
		addr = net.JoinHostPort("127.0.0.1", port)
	}
	return scheme + "://" + addr
}
