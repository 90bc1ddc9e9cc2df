package login

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"plumbline.dev/proto"
	"plumbline.dev/services/gateway/gate"
	"plumbline.dev/services/gateway/page"
	"plumbline.dev/services/internal/policy"
)

// authorized serves /cdn-cgi/access/authorized at an application: it exchanges a code for the application's cookie.
func (v *request) authorized(ctx context.Context) *gate.Response {
	sealed, ok := single(v.URL.Query(), "code")
	c := &code{}
	if !ok || v.box.open(purposeCode, sealed, c) != nil {
		return v.refuse(policy.LoginStateInvalid, gate.Application{}, "", errSealed)
	}
	f := &c.Flow
	app, known := v.catalog.Application(f.Account, f.Application)
	if !known || !v.current(f, app) {
		return v.refuse(policy.LoginStateInvalid, app, "", errors.New("the application has moved"))
	}
	back := f.Origin + f.Path
	origin, ok := originOf(v.URL, app.Value, v.team)
	switch {
	case !ok || origin != f.Origin:
		return v.refuse(policy.LoginStateInvalid, app, "", errors.New("the code is for another host"))
	case c.Until <= proto.At(v.now()):
		return v.refuse(policy.LoginStateInvalid, app, back, errors.New("the code is too old"))
	case !holds(v.Header, cookieApp, f.Browser):
		return v.refuse(policy.LoginStateInvalid, app, back, errors.New("the login was started in another browser"))
	}
	s, err := v.arrived(ctx, app.Account, c.Session)
	if err != nil {
		return v.refuse(reasonOf(err), app, back, err)
	}
	if !v.catalog.TakesLogins(app, s.IDP) {
		return v.refuse(policy.ProviderNotAllowed, app, back, nil)
	}
	if err := v.once(ctx, app.Account, sealed); err != nil {
		return v.refuse(reasonOf(err), app, back, err)
	}
	if c.Denied != nil {
		cookie, err := v.deniedCookie(c.Denied, app.Value, strings.HasPrefix(f.Origin, "https:"))
		if err != nil {
			return v.refuse(policy.Unavailable, app, back, err)
		}
		return v.redirect(back, cookie)
	}
	answer, err := v.keys.User(ctx, v.exchange(s, app, c))
	if err != nil {
		return v.refuse(policy.Unavailable, app, back, err)
	}
	return v.hand(f, app, answer)
}

// arrived returns the session of a code. Another gateway may have written it a moment ago, so arrived waits for it.
func (v *request) arrived(ctx context.Context, account proto.Account, nonce string) (*proto.Session, error) {
	ctx, cancel := context.WithTimeout(ctx, catchUp)
	defer cancel()
	_ = v.sessions.AwaitUntil(ctx, "with the session of the code", func() bool { return v.sessions.holds(nonce) })
	s, ok := v.sessions.Session(account, nonce)
	if !ok {
		return nil, fail(policy.SessionEnded, "the session of the code does not exist")
	}
	return s, nil
}

// exchange returns the request for an application token.
func (v *request) exchange(s *proto.Session, app gate.Application, c *code) *proto.UserExchange {
	q := &proto.UserExchange{Account: app.Account, Application: app.Value.ID, Policy: c.Policy, Session: s.Nonce,
		User: s.User, Email: s.Email, Country: s.Country, Until: c.Ends}
	if r, ok := v.catalog.IdentityProvider(app.Account, s.IDP); ok {
		q.Custom = custom(s.Claims, r.Value.Claims)
	}
	return q
}

// hand sets the application's cookie and redirects to the original URL.
func (v *request) hand(f *flow, app gate.Application, t *proto.TokenAnswer) *gate.Response {
	back := f.Origin + f.Path
	at, err := url.Parse(back)
	if err != nil {
		return v.refuse(policy.LoginStateInvalid, app, "", err)
	}
	secure := at.Scheme == "https"
	all := v.tokenCookies(app, t.Token, pathOfApp(app.Value, at), t.ExpiresAt.Time().Sub(v.now()), secure)
	if len(cookies(v.Header, cookieDenied)) > 0 {
		all = append(all, expiredCookie(cookieDenied, "/", secure))
	}
	for _, c := range all {
		if len(c.String()) > maxCookie {
			return v.refuse(policy.LoginFailed, app, "",
				errors.New("the token is too long for a cookie: reduce the claims in the identity provider's settings"))
		}
	}
	if all[0].SameSite != http.SameSiteStrictMode {
		return v.redirect(back, all...)
	}
	// A browser still counts a redirect as initiated by the provider's site, and would not send a Strict cookie with
	// it.
	answer := v.tell(http.StatusOK, &page.Notice{Title: "You are logged in", Onward: back,
		Links: []page.Link{{Text: "Go to " + app.Value.Name, URL: back}}})
	return withCookies(answer, all...)
}
