package gate

import (
	"errors"
	"net/http"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/keycache"
	"plumbline.dev/services/internal/policy"
	"plumbline.dev/services/internal/servicetoken"
)

// authenticate verifies the service credentials and sets q.wrong if they are invalid. It decides nothing else.
func (q *evaluation) authenticate() {
	switch {
	case !q.creds.given:
		return
	case q.creds.bad && q.creds.both:
		q.badCredentials = policy.BothHeaders
		return
	case q.creds.bad:
		q.badCredentials = policy.MalformedCredentials
		return
	}
	token := q.Tokens.Find(q.a.App.Account, q.creds.id)
	if token.ServiceToken != nil {
		q.a.Identity.ClientID = token.ClientID
	}
	why, ok := servicetoken.Authenticate(q.creds.secret, token.ServiceToken, q.now)
	if !ok {
		q.badCredentials = why
		return
	}
	q.token, q.a.Identity.Token = token, token.ID
	if q.repeated {
		return // a lasting request is one use
	}
	q.Seen.Note(q.a.App.Account, token.ClientID, q.now)
}

// checkService implements strict mode (api/README.md 8.6): invalid credentials are answered with 401, and a token that
// no policy admits with 403. There is no redirect to a login, and other credentials in the request are ignored.
func (q *evaluation) checkService() {
	if q.authenticate(); q.badCredentials != policy.Undecided {
		q.refuse(policy.Decision{Reason: q.badCredentials}, http.StatusUnauthorized)
		return
	}
	d := policy.DecideService(q.app.policies, q.facts())
	if !d.Admitted() {
		q.refuse(d, q.forbidden())
		return
	}
	q.admitService(d)
}

// admitService adds the service's application token to an admitted request.
func (q *evaluation) admitService(d policy.Decision) {
	if d.Reason == policy.Bypass || q.repeated {
		q.a.Decision = d
		return
	}
	ask := keycache.ServiceRequest{
		Account: q.a.App.Account, Token: q.token.ID, TokenRevision: q.token.Revision, App: q.a.App.Value.ID,
		AppRevision: q.a.App.Revision, ClientID: q.token.ClientID, ClientSecret: q.creds.secret, IP: q.ip(),
	}
	if len(q.asked) > 0 || q.r.Certificate != nil {
		ask.Vouched = &proto.Vouched{Device: q.a.Device, Postures: q.asked}
		if q.r.Certificate != nil {
			ask.Vouched.Certificate, ask.Vouched.CommonName = true, q.r.Certificate.Subject.CommonName
		}
	}
	token, err := q.Keys.Service(q.ctx, ask)
	q.admit(d, token, err)
}

// admitNobody adds an application token to a request that a Service Auth policy admits without any identity: origins
// always get one (api/README.md 8.4).
func (q *evaluation) admitNobody(d policy.Decision) {
	if q.repeated {
		q.a.Decision = d
		return
	}
	ask := keycache.AnybodyRequest{Account: q.a.App.Account, App: q.a.App.Value.ID, AppRevision: q.a.App.Revision,
		Policy: d.Policy}
	if q.r.Certificate != nil {
		ask.CommonName = q.r.Certificate.Subject.CommonName
	}
	token, err := q.Keys.Anybody(q.ctx, ask)
	q.admit(d, token, err)
}

// admit admits a request with the token obtained for it, or denies it without a token.
func (q *evaluation) admit(d policy.Decision, token string, err error) {
	if err == nil {
		q.a.Decision, q.a.Assertion = d, token
		return
	}
	// The exchange decides independently. If it rejects an admitted request, one of the two has not seen the newest
	// configuration.
	var refused *proto.Error
	level := q.Log.Warn
	if errors.As(err, &refused) || q.ctx.Err() != nil {
		level = q.Log.Info
	}
	level("no application token for an admitted request", "ray", q.a.Ray, "application", q.a.App.Value.ID, "token",
		q.a.Identity.Token, "err", err)
	q.refuse(policy.Decision{Reason: policy.Unavailable, Policy: d.Policy}, http.StatusServiceUnavailable)
	q.a.Response.Header.Set("Retry-After", "1")
}
