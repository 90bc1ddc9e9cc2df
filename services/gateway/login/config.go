package login

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"

	"filippo.io/age"
	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus"
	"plumbline.dev/proto"
	"plumbline.dev/services/gateway/gate"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/keycache"
	"plumbline.dev/services/internal/policy"
)

// Config is the operator's configuration.
type Config struct {
	// TeamDomain is the URL of the team domain: http or https, host and port, without a path. Identity providers know
	// it as the base of the redirect URI, <team domain>/cdn-cgi/access/callback.
	TeamDomain string
	// SessionKey encrypts the login state in browsers: [KeySize] bytes, the same at every gateway.
	SessionKey []byte
}

// Deps are the dependencies of logins.
type Deps struct {
	Bus      *bus.Conn
	Log      *slog.Logger
	Metrics  prometheus.Registerer
	Clock    clock.Clock
	Catalog  *catalog.Catalog // applications, identity providers, checks and organizations
	Sessions *Sessions
	Gate     Gate
	Keys     Keys
	Devices  gate.Devices
	Recorder Recorder
	// Identities decrypt the Client Secrets of identity providers.
	Identities []age.Identity
	// HTTP calls identity providers. It must be a client of package egress.
	HTTP *http.Client
}

// Gate decides about people.
type Gate interface {
	// Decide evaluates the application's policies for a person; r is the request for the application.
	Decide(ctx context.Context, r *gate.Request, app gate.Application, s *proto.Session) policy.Decision
	// Find returns the application of a URL.
	Find(u *url.URL) (gate.Application, bool)
}

// Keys verifies tokens and obtains new ones.
type Keys interface {
	Verify(token, aud string) (*keycache.Claims, error)
	VerifyGlobal(token string, account proto.Account) (*keycache.Claims, error)
	User(ctx context.Context, q *proto.UserExchange) (*proto.TokenAnswer, error)
	Statement(ctx context.Context, q *proto.Statement) (string, error)
}

// Recorder records logins and logouts.
type Recorder interface {
	Record(account proto.Account, a proto.Authentication)
}
