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

// MaxTokenLife bounds the life of a service's application token, whatever session duration its policy or
// application has: an origin holds it without asking again. That of a person's ends with her session.
const MaxTokenLife = time.Hour

// DefaultSession is the session duration where neither policy nor application has one (api/README.md 8.4).
const DefaultSession = 24 * time.Hour

// cachedTokens is the number of application tokens kept for reuse.
const cachedTokens = 10_000

// logBacklog is the number of distinct authentications per second that are written to ACCESS_LOG. Any further ones
// are dropped and counted.
const logBacklog = 4096

// Config is what the operator decides.
type Config struct {
	// TeamDomain is the issuer of application tokens and the base of /cdn-cgi/access/certs, as verifiers
	// write it: http or https, host and port, nothing behind.
	TeamDomain string
	// AccessAddr is where the certs endpoint listens; empty: nowhere, [Service.Handler] is served elsewhere.
	AccessAddr string
	// Workers is how many exchanges of each kind are worked on at once; 0 means 8.
	Workers int
	// Queue is how many may wait; what comes beyond is told to come again. 0 means 1,024.
	Queue int
}

// Deps is what the service works with.
type Deps struct {
	Bus     *bus.Conn
	Log     *slog.Logger
	Metrics prometheus.Registerer
	Clock   clock.Clock
	// Identities open the signing keys, which are sealed to all of them when they are made.
	Identities []age.Identity
}

// withDefaults checks the configuration and fills in what it leaves out.
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
