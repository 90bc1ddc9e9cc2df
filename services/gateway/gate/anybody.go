package gate

import (
	"net/http"
	"slices"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/gateway/external"
	"plumbline.dev/services/internal/policy"
	"plumbline.dev/services/internal/servicetoken"
)

// checkAnybody is for people, for application tokens, for those who show nothing, and, where strict mode is
// off, for service credentials (contract.md 8.5).
func (q *asking) checkAnybody() {
	q.authenticate()
	if q.app.allow {
		// With no Allow policy application tokens do not count (contract.md 8.4, measured).
		q.findToken()
	}
	d := policy.Decide(q.app.policies, q.facts())
	switch {
	case d.Reason == policy.ServiceAuth && q.token.ServiceToken != nil:
		q.a.Identity.Session = nil // it is the service that asks
		if q.admitService(d); q.a.Admitted() {
			q.a.SetCookies = append(q.a.SetCookies, q.cookie())
		}
	case d.Admitted():
		q.a.Decision = d
		if d.Reason != policy.Bypass {
			q.a.Assertion = q.held
			if q.a.Identity.Session != nil {
				q.a.Email = q.a.Identity.Session.Email
			}
		}
	case d.Reason == policy.LoginRequired:
		q.challenge(d)
	case q.wrong != policy.Undecided && q.a.Identity.Session == nil:
		q.refuse(policy.Decision{Reason: q.wrong}, q.forbidden())
	default:
		q.refuse(d, q.forbidden())
	}
}

// maxTokens is how many application tokens of one header are looked at.
const maxTokens = 8

// findToken finds the application token that the client has: in cf-access-token, in Cf-Access-Jwt-Assertion,
// in the cookie (contract.md 8.4). A browser may hold several cookies, of which another host of the same site
// may have set some: where those that are right name different people, nobody knows who this is.
func (q *asking) findToken() {
	var who Identity
	var held string
	var issued time.Time
	for _, token := range q.tokens() {
		of, at, ok := q.open(token)
		switch {
		case !ok:
		case held != "" && !same(of, who):
			return
		case held == "" || at.After(issued):
			who, held, issued = of, token, at
		}
	}
	switch {
	case held == "":
	case who.Session != nil:
		q.held, q.a.Identity.Session = held, who.Session
	case q.token.ServiceToken == nil: // service credentials that are right say it already
		q.held, q.a.Identity = held, who
	}
}

// tokens are what may be application tokens of the request's client.
func (q *asking) tokens() []string {
	var all []string
	for _, name := range [...]string{"Cf-Access-Token", assertionHeader} {
		values := q.r.Header[name]
		all = append(all, values[:min(len(values), maxTokens)]...)
	}
	bound := q.app.app.Value.Gate.CookieBinding
	bindings := cookies(q.r.Header, "CF_Binding") // several, where applications on one host have cookies of their paths
	for _, token := range cookies(q.r.Header, sessionCookie) {
		if !bound || slices.ContainsFunc(bindings, func(b string) bool { return q.login.Bound(token, b) }) {
			all = append(all, token)
		}
	}
	return all
}

func same(a, b Identity) bool {
	if a.Session != nil && b.Session != nil {
		return a.Session.User == b.Session.User
	}
	return a.Session == nil && b.Session == nil && a.Token == b.Token
}

// open tells whose an application token is, and since when. It counts while what it was made for does: the
// application's tokens were not revoked since, the session has not ended, the service token may be used.
func (q *asking) open(token string) (who Identity, issued time.Time, ok bool) {
	app := q.a.App.Value
	c, err := q.Keyring.Verify(token, app.AUD)
	if err != nil || c.IssuedAt.Before(app.Gate.RevokedAt.Time()) {
		return who, issued, false
	}
	if c.CommonName != "" {
		t := q.Tokens.Find(q.a.App.Account, c.CommonName)
		if t.ServiceToken == nil || t.Disabled || servicetoken.Expired(t.ServiceToken, q.now) {
			return who, issued, false
		}
		return Identity{Token: t.ID, ClientID: t.ClientID}, c.IssuedAt, true
	}
	s, ok := q.Sessions.Session(q.a.App.Account, c.Nonce)
	if !ok || c.Nonce == "" || !q.now.Before(s.ExpiresAt.Time()) {
		return who, issued, false
	}
	return Identity{Session: s}, c.IssuedAt, true
}

// cookie gives a service its token as a cookie, which is done where strict mode is off (contract.md 8.4).
func (q *asking) cookie() *http.Cookie {
	gate := &q.app.app.Value.Gate
	c := &http.Cookie{Name: sessionCookie, Value: q.a.Assertion, Path: "/", HttpOnly: !gate.CookieScripts, Secure: q.r.URL.Scheme == "https"}
	switch gate.SameSite {
	case "lax":
		c.SameSite = http.SameSiteLaxMode
	case "strict":
		c.SameSite = http.SameSiteStrictMode
	default:
		c.SameSite = http.SameSiteNoneMode
	}
	return c
}

// facts are what is known about the request by now.
func (q *asking) facts() *policy.Facts {
	f := &q.known
	f.ServiceToken, f.IP = q.a.Identity.Token, q.r.Peer
	if q.r.Certificate != nil {
		f.Certificate, f.CommonName = true, q.r.Certificate.Subject.CommonName
	}
	if device, ok := q.Devices.Behind(q.a.App.Account, q.r.Peer, q.r.Certificate); ok {
		q.a.Device = device
		if q.app.posture {
			f.Posture = func(check proto.ID) proto.Outcome {
				outcome := q.Devices.Posture(q.a.App.Account, device, check).Outcome
				q.asked = append(q.asked, proto.Posture{Check: check, Outcome: outcome})
				return outcome
			}
		}
	}
	if s := q.a.Identity.Session; s != nil {
		f.LoggedIn, f.Email, f.IDP, f.AMR, f.Claims = true, s.Email, s.IDP, s.AMR, q.claimsOf(s)
		if len(q.app.external) > 0 && q.External != nil {
			f.External = q.External.Evaluate(q.ctx, &external.Ask{Account: q.a.App.Account, Application: q.a.App.Value.ID, Host: q.r.URL.Host,
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
