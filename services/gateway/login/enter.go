package login

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/gateway/gate"
	"plumbline.dev/services/gateway/page"
	"plumbline.dev/services/internal/policy"
)

// catchUp bounds how long a step waits to see its own write in the watch.
const catchUp = 2 * time.Second

// enter creates the session of a person who has just logged in at a provider, and continues to the application.
func (v *request) enter(ctx context.Context, f *flow, app gate.Application, r idpRecord, p *person) *gate.Response {
	start := v.now()
	global := v.globalLife(app.Account)
	s := &proto.Session{Nonce: newNonce(), User: userID(app.Account, r.Value.ID, p), Email: p.Email, Name: p.Name,
		IDP: r.Value.ID, Subject: p.Subject, AMR: p.AMR, Claims: p.Claims, IP: v.ip(), StartedAt: proto.At(start),
		ExpiresAt: proto.At(start.Add(global))}
	s.Device, _ = v.devices.Behind(app.Account, v.Peer, v.Certificate)
	s.Hint = v.hintOf(s.Nonce, p.IDToken)
	d := v.gate.Decide(ctx, v.forApp(f), app, s)
	s.ExpiresAt = max(s.ExpiresAt, v.needs(s, app, d))
	back := f.Origin + f.Path
	if err := v.keep(ctx, app.Account, s); err != nil {
		return v.refuse(policy.Unavailable, app, back, err)
	}
	token, err := v.keys.User(ctx,
		&proto.UserExchange{Account: app.Account, Session: s.Nonce, User: s.User, Email: s.Email,
			Country: s.Country, Until: proto.At(start.Add(global))})
	if err != nil {
		return v.refuse(policy.Unavailable, app, back, err)
	}
	answer := v.goOn(ctx, f, app, s, d)
	return withCookies(answer, v.globalCookie(token.Token, token.ExpiresAt.Time().Sub(start)))
}

// keep writes a session and waits until it is valid at this gateway. It also writes the person's record. A failure of
// the latter does not fail the login.
func (v *request) keep(ctx context.Context, account proto.Account, s *proto.Session) error {
	revision, err := v.conn.Put(ctx, topology.Sessions, topology.SessionKey(account, s.Nonce), s, 0)
	if err != nil {
		return err
	}
	if err := v.remember(ctx, account, s); err != nil {
		v.log.Warn("failed to update a person's newest session", "user", s.User, "err", err)
	}
	return v.settled(ctx, revision)
}

// settled waits until a written session is valid at this gateway.
func (v *request) settled(ctx context.Context, revision uint64) error {
	ctx, cancel := context.WithTimeout(ctx, catchUp)
	defer cancel()
	return v.sessions.AwaitRevision(ctx, revision)
}

// remember writes the record of a session's person.
func (v *request) remember(ctx context.Context, account proto.Account, s *proto.Session) error {
	key := topology.UserKey(account, s.User)
	for try := 0; ; try++ {
		u := proto.User{ID: s.User, CreatedAt: s.StartedAt}
		revision, err := v.conn.Get(ctx, topology.Sessions, key, &u)
		if err != nil && !errors.Is(err, bus.ErrNotFound) {
			return err
		}
		if err != nil {
			revision = 0
		}
		u.Email, u.Name, u.LastSeenAt, u.Last = s.Email, s.Name, s.StartedAt, *s
		u.Last.Hint = ""
		_, err = v.conn.Put(ctx, topology.Sessions, key, &u, revision)
		if !errors.Is(err, bus.ErrConflict) || try == 3 {
			return err
		}
	}
}

// admit continues to an application with an existing session.
func (v *request) admit(ctx context.Context, f *flow, app gate.Application, h heldSession) *gate.Response {
	d := v.gate.Decide(ctx, v.forApp(f), app, h.Session)
	s := *h.Session
	if needs := v.needs(&s, app, d); needs > s.ExpiresAt {
		// An application's own session may last longer than the global one.
		s.ExpiresAt = needs
		revision, err := v.conn.Put(ctx, topology.Sessions, topology.SessionKey(app.Account, s.Nonce), &s, h.revision)
		if err == nil {
			err = v.settled(ctx, revision)
		}
		if err != nil {
			// The session has changed, perhaps by a logout. The browser retries and sees the new state.
			return v.refuse(policy.Unavailable, app, f.Origin+f.Path, err)
		}
	}
	return v.goOn(ctx, f, app, &s, d)
}

// needs returns the time until which a session must last for an application's token.
func (v *request) needs(s *proto.Session, app gate.Application, d policy.Decision) proto.Millis {
	if d.Reason != policy.Allow {
		return 0
	}
	life := defaultSession
	switch {
	case d.SessionDuration > 0:
		life = d.SessionDuration
	case app.Value.SessionDuration > 0:
		life = app.Value.SessionDuration
	}
	return min(proto.At(v.now().Add(life)), s.StartedAt.Add(topology.MaxSession))
}

// forApp returns the browser's request for the application, for the evaluation of the policies.
func (v *request) forApp(f *flow) *gate.Request {
	r := *v.Request
	r.Method = http.MethodGet
	if u, err := url.Parse(f.Origin + f.Path); err == nil {
		r.URL = u
	}
	return &r
}

// goOn records a login and redirects the browser to the application, or shows the reason for a denial.
func (v *request) goOn(ctx context.Context, f *flow, app gate.Application, s *proto.Session,
	d policy.Decision) *gate.Response {
	v.metrics.logins.WithLabelValues(d.Reason.String()).Inc()
	v.recorder.Record(app.Account, proto.Authentication{
		At: proto.At(v.now()), Application: app.Value.ID, Allowed: d.Admitted(), Reason: d.Reason.String(), Policy: d.Policy,
		IP: v.ip(), Action: proto.ActionLogin, Host: hostOf(f.Origin), User: s.User, Email: s.Email, IDP: s.IDP,
		Device: s.Device, Check: d.Check, Ray: v.ray, Country: s.Country,
	})
	v.log.Info("login", "application", app.Value.ID, "user", s.User, "idp", s.IDP, "reason", d.Reason.String(), "policy",
		d.Policy, "ray", v.ray)
	back := f.Origin + f.Path
	switch {
	case !d.Admitted():
		// The application's own page shows the reason, so that a reload evaluates its request again.
		return v.toApp(f, app, &code{Flow: *f, Session: s.Nonce, Denied: v.newDenial(app, s, d)})
	case d.Reason != policy.Allow:
		// The application admits this request without a token. The response is a page rather than a redirect: the
		// decision may differ at the application, and the browser would be redirected in a loop.
		return v.tell(http.StatusOK, &page.Notice{Title: "You are logged in", Texts: []string{d.Reason.Sentence()},
			Links: []page.Link{{Text: "Go to " + app.Value.Name, URL: back}}})
	}
	return v.toApp(f, app, &code{Flow: *f, Session: s.Nonce, Policy: d.Policy, Ends: s.ExpiresAt})
}

// toApp redirects the browser to the application with a code.
func (v *request) toApp(f *flow, app gate.Application, c *code) *gate.Response {
	c.Until = proto.At(v.now().Add(codeLife))
	sealed, err := v.box.seal(purposeCode, c)
	if err != nil {
		return v.refuse(policy.Unavailable, app, f.Origin+f.Path, err)
	}
	return v.redirect(f.Origin + pathAuthorized + "?code=" + sealed)
}
