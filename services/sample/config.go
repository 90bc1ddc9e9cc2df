package sample

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/services/internal/clock"
)

// Config configures the API.
type Config struct {
	// Addr is the listen address. If it is empty, [Service.Handler] is served elsewhere.
	Addr string
	// Issuer is the team domain that issues application tokens, without a slash at the end.
	Issuer string
	// CertsURL is the URL of the public keys. Default: /cdn-cgi/access/certs of the issuer.
	CertsURL string
	// Audience is the AUD of the application that protects this API. If it is empty, it can be set later with
	// [Service.SetAudience]; until then, every request is answered 503.
	Audience string
	// AudiencePath is a file with the AUD, or empty. The file may be created later, and is read again when it changes.
	AudiencePath string
	// Latency is an extra delay of each response.
	Latency time.Duration
	// Missing is the share of devices, 0 to 1, that the API does not know and leaves out of its responses. Plumbline
	// shows them as unknown.
	Missing float64
}

// Deps are the dependencies of the service.
type Deps struct {
	Log     *slog.Logger
	Metrics prometheus.Registerer
	Clock   clock.Clock
}

// Limits of a request.
const (
	MaxDevices = 1000    // as many as Plumbline sends
	MaxBody    = 4 << 20 // bytes; 1,000 devices with every field at its limit take under 1 MiB
)

func (c Config) withDefaults() (Config, error) {
	c.Issuer = strings.TrimSuffix(c.Issuer, "/")
	if c.CertsURL == "" {
		c.CertsURL = c.Issuer + "/cdn-cgi/access/certs"
	}
	if c.Issuer == "" {
		return c, errors.New("sample: the issuer is missing: give the team domain of the application tokens")
	}
	if u, err := url.Parse(c.CertsURL); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return c, fmt.Errorf("sample: %q must be a URL of public keys", c.CertsURL)
	}
	if !(c.Missing >= 0 && c.Missing <= 1) {
		return c, fmt.Errorf("sample: the share of unknown devices must be 0 to 1, not %v", c.Missing)
	}
	if c.Latency < 0 {
		return c, errors.New("sample: the latency must not be negative")
	}
	return c, nil
}
