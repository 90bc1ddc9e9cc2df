package gate

import (
	"context"
	"crypto/x509"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/gateway/external"
	"plumbline.dev/services/internal/keycache"
	"plumbline.dev/services/internal/policy"
)

// Login sends people to log in.
type Login interface {
	// Redirect returns the response that redirects a person to the team domain (api/README.md 8.5), with Location and
	// cookies. The gate adds the headers common to all such responses. serviceToken is false if invalid service
	// credentials were sent. Redirect returns nil if no login is possible now, and the gate then denies the request.
	Redirect(ctx context.Context, r *Request, app Application, serviceToken bool) *Response
	// Denied returns the newest login of the browser at which the application denied its person, or false if there is
	// none. The session may have ended since.
	Denied(r *Request, app Application) (Denial, bool)
	// Bound reports whether an application token in a cookie belongs to the CF_Binding cookie sent with it.
	Bound(token, binding string) bool
	// ServiceCookies returns the cookies that carry a service's application token, for a request for a URL of the
	// application. They last for the client's session.
	ServiceCookies(app Application, token string, at *url.URL) []*http.Cookie
}

// Sessions looks up logins that have not ended.
type Sessions interface {
	Session(account proto.Account, nonce string) (*proto.Session, bool)
}

// Devices identifies the device behind a request, and returns the results of its checks.
type Devices interface {
	Behind(account proto.Account, peer netip.Addr, cert *x509.Certificate) (proto.ID, bool)
	Posture(account proto.Account, device, check proto.ID) Posture
}

// Posture is the newest result of a check for a device.
type Posture struct {
	Outcome proto.Outcome
	Reason  proto.Reason
	// LookedAt is the time of the device's newest poll; zero without one.
	LookedAt time.Time
	// Score is the device's score, if Scored.
	Score  int
	Scored bool
}

// Keys verifies application tokens and obtains new ones.
type Keys interface {
	Verify(token, aud string) (*keycache.Claims, error)
	Service(ctx context.Context, q keycache.ServiceRequest) (string, error)
	// Anybody returns an application token for a request that a policy admits without any identity.
	Anybody(ctx context.Context, q keycache.AnybodyRequest) (string, error)
	Statement(ctx context.Context, s *proto.Statement) (string, error)
}

// Evaluator runs external evaluations. Evaluations without an answer are missing from the result.
type Evaluator interface {
	Evaluate(ctx context.Context, a *external.Ask, rules []policy.Evaluation) map[policy.Evaluation]bool
}

// Freshness reports whether the gateway's data is fresh enough for decisions.
type Freshness interface {
	Fresh(now time.Time) bool
}

// AccessLog records decisions. Record does not block.
type AccessLog interface {
	Record(account proto.Account, a proto.Authentication)
}

// Seen records the use of a service token. Note does not block.
type Seen interface {
	Note(account proto.Account, clientID string, now time.Time)
}
