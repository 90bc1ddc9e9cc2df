package exchange

import (
	"fmt"
	"log/slog"
	"time"

	"filippo.io/age"
	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/teamdomain"
)

// MaxTokenLife bounds the life of a service's application token, whatever the session duration of its policy or
// application: an origin does not check it again. A person's token lasts for their session.
const MaxTokenLife = time.Hour

// DefaultSession is the session duration if neither policy nor application has one (api/README.md 8.4).
const DefaultSession = 24 * time.Hour

// cachedTokens is the number of application tokens kept for reuse.
const cachedTokens = 10_000

// logBacklog is the number of distinct authentications per second that are written to ACCESS_LOG. Any further ones
// are dropped and counted.
const logBacklog = 4096

// Config is the operator's configuration.
type Config struct {
	// TeamDomain is the issuer of application tokens and the base of /cdn-cgi/access/certs, as used by verifiers:
	// http or https, host and port, without a path.
	TeamDomain string
	// AccessAddr is the address of the certs endpoint; empty: none, and [Service.Handler] is mounted elsewhere.
	AccessAddr string
	// Workers is the number of concurrent exchanges of each kind; 0 means 8.
	Workers int
	// Queue is the number of waiting exchanges. Further ones are told to retry. 0 means 1,024.
	Queue int
}

// Deps are the dependencies of the service.
type Deps struct {
	Bus     *bus.Conn
	Log     *slog.Logger
	Metrics prometheus.Registerer
	Clock   clock.Clock
	// Identities decrypt the signing keys. New keys are encrypted to all of them.
	Identities []age.Identity
}

// withDefaults checks the configuration and fills in defaults.
func (c Config) withDefaults() (Config, error) {
	issuer, err := teamdomain.Issuer(c.TeamDomain)
	if err != nil {
		return c, err
	}
	c.TeamDomain = issuer
	for _, n := range []struct {
		value     *int
		otherwise int
		name      string
	}{{&c.Workers, 8, "workers"}, {&c.Queue, 1024, "queue"}} {
		if *n.value < 0 {
			return c, fmt.Errorf("%s must not be negative", n.name)
		}
		if *n.value == 0 {
			*n.value = n.otherwise
		}
	}
	return c, nil
}
