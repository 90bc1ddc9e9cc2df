package external

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/clock"
)

// Config bounds evaluations. The zero value is usable.
type Config struct {
	// Timeout bounds one evaluation: waiting for a slot, the signature, the call, and fetching the keys. Default 5 s.
	Timeout time.Duration
	// InFlight bounds concurrent evaluations, AtEndpoint those at one endpoint. Defaults 64 and 16.
	InFlight, AtEndpoint int
}

func (c Config) withDefaults() Config {
	c.Timeout = cmp.Or(c.Timeout, 5*time.Second)
	c.InFlight = cmp.Or(c.InFlight, 64)
	c.AtEndpoint = cmp.Or(c.AtEndpoint, 16)
	return c
}

// Signer obtains statements signed with the account's key. [keycache.Cache] implements it.
type Signer interface {
	Statement(ctx context.Context, s *proto.Statement) (string, error)
}

// Deps are the dependencies of the evaluator.
type Deps struct {
	Signer Signer
	// Client calls the endpoints. It must be a client of package egress, because users choose the URLs.
	Client  *http.Client
	Log     *slog.Logger
	Metrics prometheus.Registerer
	Clock   clock.Clock
}

func (d Deps) check() error {
	if d.Signer == nil || d.Client == nil || d.Log == nil || d.Metrics == nil || d.Clock == nil {
		return errors.New("external evaluations need a signer, a client, a log, metrics and a clock")
	}
	return nil
}
