package gate

import (
	"errors"
	"slices"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/gateway/external"
	"plumbline.dev/services/internal/keycache"
	"plumbline.dev/services/internal/policy"
	"plumbline.dev/services/internal/servicetoken"
)

// checkAnybody evaluates requests of people, requests with application tokens or without any credentials, and, with
// strict mode off, requests with service credentials (api/README.md 8.5).
func (q *evaluation) checkAnybody() {
	q.authenticate()
	if q.app.allow {
		// Without an Allow policy application tokens are ignored (api/README.md 8.4, measured).
		q.findToken()
	}
	d := policy.Decide(q.app.policies, q.facts())
	switch {
	case d.Reason == policy.ServiceAuth && q.token.ServiceToken != nil:
		q.a.Identity.Session = nil // the request is the service's
		if q.admitService(d); q.a.Assertion != "" {
			// With strict mode off a service gets its token as a cookie (api/README.md 8.4).
			q.a.SetCookies = q.login.ServiceCookies(q.a.App, q.a.Assertion, q.r.URL)
		}
	case d.Reason == policy.ServiceAuth && q.held == "":
		q.admitNobody(d)
	case d.Admitted():
		q.a.Decision = d
		if d.Reason != policy.Bypass {
			q.a.Assertion = q.held
			if q.a.Identity.Session != nil {
				q.a.Email = q.a.Identity.Session.Email
			}
		}
	case d.Reason == policy.LoginRequired:
		// A client with invalid credentials is redirected to a login like any other, with the reason.
		switch {
		case q.badCredentials != policy.Undecided:
			d.Reason = q.badCredentials
		case q.badToken != policy.Undecided:
			d.Reason = q.badToken
		}
		q.challenge(d)
	case q.badCredentials != policy.Undecided && q.a.Identity.Session == nil:
		q.refuse(policy.Decision{Reason: q.badCredentials}, q.forbidden())
	default:
		q.refuse(d, q.forbidden())
	}
}

// maxTokens is the number of application tokens that are examined in one header.
const maxTokens = 8

// findToken finds the client's application token in cf-access-token, Cf-Access-Jwt-Assertion or the cookie
// (api/README.md 8.4). A browser may hold several cookies, and another host of the same site may have set some of them.
// If valid tokens name different people, the identity is ambiguous and none counts.
func (q *evaluation) findToken() {
	var who Identity
	var held string
	var issued time.Time
	var void policy.Reason
	for _, token := range q.tokens() {
		of, at, why, ok := q.open(token)
		switch {
		case !ok:
			void = max(void, why)
		case held != "" && !sameIdentity(of, who):
			q.badToken = policy.BadToken
			return
		case held == "" || at.After(issued):
			who, held, issued = of, token.text, at
		}
	}
	switch {
	case held == "":
		q.badToken = void
	case who.Session != nil:
		q.held, q.a.Identity.Session = held, who.Session
	case q.token.ServiceToken == nil: // valid service credentials take precedence
		q.held, q.a.Identity = held, who
	}
}

// candidate is a candidate application token.
type candidate struct {
	text   string
	cookie bool
	// unbound reports that the application requires a CF_Binding cookie and the matching one is missing.
	unbound bool
}

// tokens returns the candidate application tokens of the request.
func (q *evaluation) tokens() []candidate {
	var all []candidate
	for _, name := range [...]string{"Cf-Access-Token", assertionHeader} {
		values := q.r.Header[name]
		for _, token := range values[:min(len(values), maxTokens)] {
			all = append(all, candidate{text: token})
		}
	}
	bound := q.app.app.Value.Gate.CookieBinding
	bindings := cookies(q.r.Header, "CF_Binding") // several, if applications on one host have cookies for their paths
	for _, token := range cookies(q.r.Header, sessionCookie) {
		fits := func(b string) bool { return q.login.Bound(token, b) }
		all = append(all, candidate{text: token, cookie: true, unbound: bound && !slices.ContainsFunc(bindings, fits)})
	}
	return all
}

func sameIdentity(a, b Identity) bool {
	if a.Session != nil && b.Session != nil {
		return a.Session.User == b.Session.User
	}
	return a.Session == nil && b.Session == nil && a.Token == b.Token
}

// open verifies an application token. It returns the token's identity and time of issue, or the reason for rejecting
// it. A token is valid until the application's tokens are revoked, its session ends, or its service token is disabled
// or expires. Tokens without an identity, made for origins of public policies, are always rejected.
func (q *evaluation) open(t candidate) (who Identity, issued time.Time, void policy.Reason, ok bool) {
	app := q.a.App.Value
	c, err := q.Keys.Verify(t.text, app.AUD)
	switch {
	case t.cookie && (errors.Is(err, keycache.ErrAudience) || errors.Is(err, keycache.ErrType)):
		// A browser sends the cookies of all applications on the host, and perhaps those of the team domain.
		return who, issued, policy.Undecided, false
	case errors.Is(err, keycache.ErrExpired):
		return who, issued, policy.AppTokenExpired, false
	case err != nil, t.unbound:
		return who, issued, policy.BadToken, false
	case c.IssuedAt.Before(app.Gate.RevokedAt.Time()):
		return who, issued, policy.TokenRevoked, false
	case c.CommonName != "":
		who, void = q.service(c.CommonName)
	default:
		who, void = q.person(c.Nonce)
	}
	return who, c.IssuedAt, void, void == policy.Undecided
}

// service checks that the service token behind an application token is still usable.
func (q *evaluation) service(clientID string) (Identity, policy.Reason) {
	t := q.Tokens.Find(q.a.App.Account, clientID)
	switch {
	case t.ServiceToken == nil:
		return Identity{}, policy.UnknownCredentials
	case t.Disabled:
		return Identity{}, policy.TokenDisabled
	case servicetoken.Expired(t.ServiceToken, q.now):
		return Identity{}, policy.TokenExpired
	}
	return Identity{Token: t.ID, ClientID: t.ClientID}, policy.Undecided
}

// person checks that the session behind an application token is still valid. A session ends by expiry, by a logout,
// or once the application no longer accepts its identity provider.
func (q *evaluation) person(nonce string) (Identity, policy.Reason) {
	if nonce == "" {
		return Identity{}, policy.BadToken
	}
	s, ok := q.Sessions.Session(q.a.App.Account, nonce)
	if !ok || !q.now.Before(s.ExpiresAt.Time()) {
		return Identity{}, policy.SessionEnded
	}
	if !q.catalog.TakesLogins(q.a.App, s.IDP) {
		return Identity{}, policy.ProviderNotAllowed
	}
	return Identity{Session: s}, policy.Undecided
}

// facts returns the facts known about the request so far.
func (q *evaluation) facts() *policy.Facts {
	f := &q.known
	f.ServiceToken, f.IP = q.a.Identity.Token, q.r.Peer
	if q.r.Certificate != nil {
		f.Certificate, f.CommonName = true, q.r.Certificate.Subject.CommonName
	}
	if device, ok := q.Devices.Behind(q.a.App.Account, q.r.Peer, q.r.Certificate); ok {
		q.a.Device = device
		if q.app.posture {
			f.Posture = func(check proto.ID) proto.Outcome {
				p := q.Devices.Posture(q.a.App.Account, device, check)
				q.asked = append(q.asked, proto.Posture{Check: check, Outcome: p.Outcome})
				if p.Outcome == proto.OutcomePass && p.Reason.Enforced() && q.excused.check.IsZero() {
					q.excused.check, q.excused.reason = check, p.Reason
				}
				return p.Outcome
			}
		}
	}
	if s := q.a.Identity.Session; s != nil {
		f.LoggedIn, f.Email, f.IDP, f.AMR, f.Claims = true, s.Email, s.IDP, s.AMR, q.claimsOf(s)
		if len(q.app.external) > 0 && q.External != nil {
			f.External = q.External.Evaluate(q.ctx,
				&external.Ask{Account: q.a.App.Account, Application: q.a.App.Value.ID, Host: q.r.URL.Host,
					Session: s, Device: q.a.Device, IP: q.r.Peer}, q.app.external)
		}
	}
	return f
}

func (g *Gate) claimsOf(s *proto.Session) *policy.Claims {
	if len(s.Claims) == 0 {
		return nil
	}
	if c, ok := g.claims.Get(s); ok {
		return c
	}
	c := policy.NewClaims(s.Claims)
	if known, there, _ := g.claims.PeekOrAdd(s, c); there {
		return known
	}
	return c
}
