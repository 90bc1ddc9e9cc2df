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

// Config is what the operator decides.
type Config struct {
	// Addr is where the API listens; empty: nowhere, [Service.Handler] is served elsewhere.
	Addr string
	// Issuer is the team domain that tokens must come from, without a slash at the end.
	Issuer string
	// CertsURL is where the public keys are; empty: /cdn-cgi/access/certs of the issuer.
	CertsURL string
	// Audience is the AUD of the application that protects this API; empty: not known yet, which
	// [Service.SetAudience] can tell later. Until then every request is answered 503.
	Audience string
	// AudiencePath is a file that holds the AUD and need not be there yet: it is read now and whenever it
	// changes. Empty: there is none.
	AudiencePath string
	// Latency is how long each answer takes in addition; 0: none.
	Latency time.Duration
	// Missing is the share of devices, 0 to 1, that the API does not know and leaves out of its answers. The
	// contract wants an entry for each; Plumbline shows those that are left out as unknown.
	Missing float64
}

// Deps is what the service works with.
type Deps struct {
	Log     *slog.Logger
	Metrics prometheus.Registerer
	Clock   clock.Clock
}

// Limits of a request.
const (
	MaxDevices = 1000    // api/README.md 5.5
	MaxBody    = 4 << 20 // bytes; 1,000 devices with every field at its limit take under 1 MiB
)

func (c Config) withDefaults() (Config, error) {
	c.Issuer = strings.TrimSuffix(c.Issuer, "/")
	if c.CertsURL == "" {
		c.CertsURL = c.Issuer + "/cdn-cgi/access/certs"
	}
	if c.Issuer == "" {
		return c, errors.New("sample: the issuer is missing: give the team domain that tokens come from")
	}
	if u, err := url.Parse(c.CertsURL); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return c, fmt.Errorf("sample: %q is not a URL that public keys can be fetched from", c.CertsURL)
	}
	if !(c.Missing >= 0 && c.Missing <= 1) {
		return c, fmt.Errorf("sample: the share of devices that are not known is %v, 0 to 1 expected", c.Missing)
	}
	if c.Latency < 0 {
		return c, errors.New("sample: the latency must not be negative")
	}
	return c, nil
}
