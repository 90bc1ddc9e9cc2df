package login

import (
	"context"
	"errors"
	"net/url"

	"plumbline.dev/proto"
	"plumbline.dev/services/gateway/gate"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/policy"
	"plumbline.dev/services/internal/requestid"
)

// Redirect redirects a person to the team domain to log in to an application (api/README.md 8.5). It returns nil if the
// application has no provider. If the origin is not a safe redirect target, the response is a page. The gate adds all
// headers except Location and Set-Cookie. serviceToken is false if invalid service credentials were sent.
func (l *Login) Redirect(ctx context.Context, r *gate.Request, app gate.Application, serviceToken bool) *gate.Response {
	if len(l.providersOf(app)) == 0 {
		l.log.Debug("no identity provider to log in with", "application", app.Value.ID)
		return nil
	}
	v := &request{Login: l, Request: r, ray: requestid.New()}
	origin, ok := originOf(r.URL, app.Value, l.team)
	if !ok {
		return v.refuse(policy.UnknownHost, app, "",
			errors.New("redirects to this port are not allowed: name it in the application's domain"))
	}
	if len(cookies(r.Header, cookieApp)) > 1 {
		return v.refuse(policy.LoginStateInvalid, app, "", errors.New("the browser has several "+cookieApp+" cookies"))
	}
	secret := secretOf(r.Header, cookieApp)
	f := flow{Account: app.Account, Application: app.Value.ID, Origin: origin, Path: pathOf(r.URL),
		Browser: hashOf(secret), Until: proto.At(l.clock.Now().Add(flowLife))}
	to, err := l.loginURL(ctx, &f, app, serviceToken)
	if err != nil {
		l.log.Error("failed to redirect a person to the login", "application", app.Value.ID, "err", err)
		return nil
	}
	answer := v.redirect(to, appCookie(secret, app.Value, r.URL.Scheme == "https"))
	// The gate sets its own request id.
	answer.Header.Del("Cf-Ray")
	return answer
}

func (l *Login) loginURL(ctx context.Context, f *flow, app gate.Application, serviceToken bool) (string, error) {
	sealed, err := l.box.seal(purposeFlow, f)
	if err != nil {
		return "", err
	}
	host := hostOf(f.Origin)
	to := l.team.String() + pathLogin + url.PathEscape(host) + "?kid=" + app.Value.AUD
	meta, err := l.keys.Statement(ctx,
		&proto.Statement{Kind: proto.StatementMeta, Account: f.Account, Application: f.Application,
			Hostname: host, RedirectURL: f.Path, ServiceTokenStatus: serviceToken})
	if err != nil {
		// It identifies the application to clients; the login works without it.
		l.log.Debug("redirecting without a statement", "application", app.Value.ID, "err", err)
	} else {
		to += "&meta=" + url.QueryEscape(meta)
	}
	return to + "&redirect_url=" + url.QueryEscape(f.Path) + "&flow=" + sealed, nil
}

// hostOf returns an origin without its scheme.
func hostOf(origin string) string {
	u, err := url.Parse(origin)
	if err != nil {
		return ""
	}
	return u.Host
}

// providersOf returns the providers for logins to an application, sorted by id.
func (l *Login) providersOf(app gate.Application) []idpRecord {
	var all []idpRecord
	for _, r := range l.catalog.IdentityProviders(app.Account) {
		if catalog.Allows(app.Value, r.Value) {
			all = append(all, r)
		}
	}
	return all
}
