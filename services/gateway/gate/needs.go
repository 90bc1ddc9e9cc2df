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
	"plumbline.dev/services/gateway/keyring"
	"plumbline.dev/services/internal/policy"
)

// Login sends people to log in.
type Login interface {
	// Redirect is the answer that sends a person to the team domain (api/README.md 8.5), with Location and
	// cookies. The gate adds the headers that every such answer has. serviceToken is false where service
	// credentials were shown and not right. nil where nobody can log in now: the gate then refuses.
	Redirect(ctx context.Context, r *Request, app Application, serviceToken bool) *Response
	// Denied returns the newest login of the browser at which the application denied its person; false if there is
	// none. It is not known whether the session still counts.
	Denied(r *Request, app Application) (Denial, bool)
	// Bound tells whether an application token that came as a cookie belongs to the CF_Binding cookie that
	// came with it.
	Bound(token, binding string) bool
	// ServiceCookies are the cookies that a service gets its application token as, for a request for a URL of
	// the application. They last as long as the client's session does.
	ServiceCookies(app Application, token string, at *url.URL) []*http.Cookie
}

// Sessions are the logins that have not ended.
type Sessions interface {
	Session(account proto.Account, nonce string) (*proto.Session, bool)
}

// Devices tell which device is behind a request, and what its checks found.
type Devices interface {
	Behind(account proto.Account, peer netip.Addr, cert *x509.Certificate) (proto.ID, bool)
	Posture(account proto.Account, device, check proto.ID) Posture
}

// Posture is what a check last found on a device.
type Posture struct {
	Outcome proto.Outcome
	Reason  proto.Reason
	// LookedAt is when the device was last looked at; the zero time where it never was.
	LookedAt time.Time
	// Score is the device's, if Scored.
	Score  int
	Scored bool
}

// Keyring verifies application tokens and gets new ones.
type Keyring interface {
	Verify(token, aud string) (*keyring.Claims, error)
	Service(ctx context.Context, q keyring.ServiceRequest) (string, error)
	// Anybody is the application token for a request that a policy admits whoever makes it.
	Anybody(ctx context.Context, q keyring.AnybodyRequest) (string, error)
	Statement(ctx context.Context, s *proto.Statement) (string, error)
}

// Evaluator asks external evaluations; what it gives lacks those that did not answer.
type Evaluator interface {
	Evaluate(ctx context.Context, a *external.Ask, rules []policy.Evaluation) map[policy.Evaluation]bool
}

// Hold tells whether what is known is fresh enough to decide by.
type Hold interface {
	Fresh(now time.Time) bool
}

// AccessLog records decisions; it returns at once.
type AccessLog interface {
	Record(account proto.Account, a proto.Authentication)
}

// Seen notes that a service token was found right; it returns at once.
type Seen interface {
	Note(account proto.Account, clientID string, now time.Time)
}
