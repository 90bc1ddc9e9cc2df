package cli

import (
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Log holds the flags of the log. The log is written to standard error. The default level is the parser's variable
// log_level.
type Log struct {
	LogLevel  string `enum:"debug,info,warn,error" default:"${log_level}" help:"Lowest level to log: ${enum}." group:"Process"`
	LogFormat string `enum:"text,json" default:"text" help:"Format of log lines: ${enum}." group:"Process"`
}

// LogAt sets the default of --log-level. A command can override it with the tag set:"log_level=...".
func LogAt(level slog.Level) kong.Option {
	return kong.Vars{"log_level": map[slog.Level]string{
		slog.LevelDebug: "debug", slog.LevelInfo: "info", slog.LevelWarn: "warn", slog.LevelError: "error",
	}[level]}
}

// Logger returns the logger configured by the flags.
func (l *Log) Logger() *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(l.LogLevel)) // validated by the parser
	options := &slog.HandlerOptions{Level: level}
	if l.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, options))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, options))
}

// Tracing holds the flags for spans.
type Tracing struct {
	OTLPEndpoint string  `name:"otlp-endpoint" help:"OpenTelemetry collector for spans, such as http://127.0.0.1:4318. Default: none." placeholder:"URL" group:"Process"`
	TraceShare   float64 `default:"0.1" help:"Share of traces started here that are sampled, 0 to 1." group:"Process"`
}

// Admin holds the flags for health checks and metrics.
type Admin struct {
	Probe     bool   `env:"-" help:"Check whether the instance at --admin-addr is ready, for a health check. Exit code 0 or 1." group:"Process"`
	AdminAddr string `default:"127.0.0.1:8409" help:"Listen address for /healthz, /readyz and /metrics." group:"Process"`
}

// NATS holds the flags for the connection to the bus.
type NATS struct {
	NATSURL   string `name:"nats-url" default:"nats://127.0.0.1:4222" help:"NATS servers, separated by commas." group:"NATS"`
	NATSCreds string `name:"nats-creds" type:"path" help:"NATS credentials file of the service's role." placeholder:"PATH" group:"NATS"`
	// The server may leave two pings unanswered.
	NATSPing time.Duration `name:"nats-ping" default:"2s" help:"Time between pings to the NATS server. After two unanswered pings, another server is tried." group:"NATS"`
}

// Validate checks the flags.
func (n *NATS) Validate() error {
	if n.NATSPing < 100*time.Millisecond || n.NATSPing > 5*time.Minute {
		return fmt.Errorf("--nats-ping must be from 100ms to 5m, not %v", n.NATSPing)
	}
	return nil
}

// Metrics returns a registry with the metrics of the process and the Go runtime.
func Metrics() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewBuildInfoCollector())
	return r
}

// OwnAddrs returns the endpoints in the flags as host:port. URLs given by users must not lead there.
func (c *Common) OwnAddrs() []string {
	addrs := []string{c.AdminAddr}
	for server := range strings.SplitSeq(c.NATSURL, ",") {
		if u, err := url.Parse(strings.TrimSpace(server)); err == nil && u.Port() != "" {
			addrs = append(addrs, u.Host)
		}
	}
	return addrs
}
