package login

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/oauth2"
	"plumbline.dev/proto"
	"plumbline.dev/services/gateway/gate"
	"plumbline.dev/services/gateway/page"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/policy"
)

type idpRecord = catalog.Record[proto.IdentityProvider]

// begin serves /cdn-cgi/access/login/<host> at the team domain.
func (v *request) begin(ctx context.Context) *gate.Response {
	q := v.URL.Query()
	f, app, back, ok := v.flowOf(q)
	if !ok {
		return v.refuse(policy.LoginStateInvalid, app, back, nil)
	}
	chosen := q.Get("idp")
	if chosen == "" {
		if s, ok := v.global(app); ok {
			return v.admit(ctx, f, app, s)
		}
	}
	all := v.providersOf(app)
	switch {
	case len(all) == 0:
		return v.refuse(policy.NoProvider, app, back, nil)
	case chosen != "":
		for _, r := range all {
			if r.Value.ID.String() == chosen {
				return v.send(ctx, f, app, r, back)
			}
		}
		return v.refuse(policy.ProviderNotAllowed, app, back, nil)
	case len(all) == 1:
		return v.send(ctx, f, app, all[0], back)
	}
	return v.choose(all, app)
}

// flowOf parses the link of a login. A gateway must have made the complete link: its redundant parts must agree. If
// they do not and the link names one of our applications, back is a URL from which the login can be restarted.
func (v *request) flowOf(q url.Values) (f *flow, app gate.Application, back string, ok bool) {
	host, path := strings.TrimPrefix(v.URL.Path, pathLogin), q.Get("redirect_url")
	f = &flow{}
	if v.box.open(purposeFlow, q.Get("flow"), f) != nil {
		back := v.backTo(q.Get("kid"), host, path)
		return nil, app, back, false
	}
	app, known := v.catalog.Application(f.Account, f.Application)
	if !known || app.Value.AUD != q.Get("kid") || hostOf(f.Origin) != host || f.Path != path || !v.current(f, app) {
		return nil, app, "", false
	}
	back = f.Origin + f.Path
	return f, app, back, f.Until > proto.At(v.now())
}

// current reports whether a flow is still valid: the application has the same destination, and a redirect to it is
// still allowed.
func (v *request) current(f *flow, app gate.Application) bool {
	u, err := url.Parse(f.Origin + f.Path)
	if err != nil || !isPath(f.Path) || !v.covers(app, u) {
		return false
	}
	origin, ok := originOf(u, app.Value, v.team)
	return ok && origin == f.Origin
}

// backTo returns the URL named in a link without our seal if it belongs to an application. It is shown as a link,
// never followed automatically.
func (v *request) backTo(aud, host, path string) string {
	u, err := url.Parse(v.team.Scheme + "://" + host)
	if err != nil || !isPath(path) || u.Host != host || u.Path != "" {
		return ""
	}
	if u, err = url.Parse(u.String() + path); err != nil {
		return ""
	}
	app, ok := v.gate.Find(u)
	if !ok || app.Value.AUD != aud {
		return ""
	}
	origin, ok := originOf(u, app.Value, v.team)
	if !ok {
		return ""
	}
	return origin + path
}

// choose lets the person choose a provider.
func (v *request) choose(all []idpRecord, app gate.Application) *gate.Response {
	n := &page.Notice{Title: "Log in to " + app.Value.Name, Organization: v.organization(app.Account),
		Texts: []string{"Choose the service that you have an account with."}}
	q := v.URL.Query()
	for _, r := range all {
		q.Set("idp", r.Value.ID.String())
		n.Links = append(n.Links, page.Link{Text: "Log in with " + r.Value.Name,
			URL: pathLogin + url.PathEscape(strings.TrimPrefix(v.URL.Path, pathLogin)) + "?" + q.Encode()})
	}
	return v.tell(http.StatusOK, n)
}

// send redirects the browser to a provider.
func (v *request) send(ctx context.Context, f *flow, app gate.Application, r idpRecord, back string) *gate.Response {
	done, ok := v.limits.take(r, v.Peer)
	if !ok {
		return v.refuse(policy.Busy, app, back, nil)
	}
	at, err := v.providers.of(ctx, r)
	done()
	if err != nil {
		return v.refuse(reasonOf(err), app, back, err)
	}
	if len(cookies(v.Header, cookieTeam)) > 1 {
		return v.refuse(policy.LoginStateInvalid, app, back, errors.New("the browser has several "+cookieTeam+" cookies"))
	}
	secret := secretOf(v.Header, cookieTeam)
	st := &state{Flow: *f, Provider: r.Value.ID, Browser: hashOf(secret), Nonce: newSecret(),
		Verifier: oauth2.GenerateVerifier(), Until: proto.At(v.now().Add(stateLife))}
	sealed, err := v.box.seal(purposeState, st)
	if err != nil {
		return v.refuse(policy.Unavailable, app, back, err)
	}
	return v.redirect(at.authURL(sealed, st), v.teamCookie(secret))
}
