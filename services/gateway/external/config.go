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

// Config bounds what evaluations may take. The zero value is usable.
type Config struct {
	// Timeout bounds one evaluation: waiting for a place, the signature, the call, and the keys. Default 5 s.
	Timeout time.Duration
	// InFlight is how many evaluations run at once, AtEndpoint how many of them at one endpoint.
	// Defaults 64 and 16.
	InFlight, AtEndpoint int
}

func (c Config) withDefaults() Config {
	c.Timeout = cmp.Or(c.Timeout, 5*time.Second)
	c.InFlight = cmp.Or(c.InFlight, 64)
	c.AtEndpoint = cmp.Or(c.AtEndpoint, 16)
	return c
}

// Signer has statements signed with the account's key. A keyring is one.
type Signer interface {
	Statement(ctx context.Context, s *proto.Statement) (string, error)
}

// Deps are what the evaluator works with.
type Deps struct {
	Signer Signer
	// Client calls the endpoints: one of package egress, since users choose where it calls.
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
