package login

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"strings"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/gateway/gate"
	"plumbline.dev/services/gateway/page"
	"plumbline.dev/services/internal/policy"
)

// logout serves /cdn-cgi/access/logout, at an application and at the team domain. It ends every session for which the
// browser has a valid token, and with it all tokens everywhere (api/README.md 8.7). Like Cloudflare, it accepts a plain
// link. From the team domain it continues to the provider's logout, if there is one and the link names no other
// target.
func (v *request) logout(ctx context.Context) *gate.Response {
	if strings.Contains(v.Header.Get("Sec-Purpose")+v.Header.Get("Purpose"), "prefetch") {
		// A prefetch must not end a session.
		return v.plain(http.StatusForbidden, "A logout cannot be prefetched.")
	}
	failed, provider := false, ""
	for s, app := range v.heldHere() {
		if err := v.end(ctx, s); err != nil {
			v.log.Error("failed to end a session", "user", s.User, "ray", v.ray, "err", err)
			failed = true
			continue
		}
		if v.atTeam && provider == "" {
			provider = v.atProvider(ctx, s)
		}
		v.metrics.logouts.Inc()
		v.log.Info("logout", "user", s.User, "application", app, "ray", v.ray)
		v.recorder.Record(s.account, proto.Authentication{At: proto.At(v.now()), Application: app, Allowed: true,
			Reason: policy.SessionEnded.String(), IP: v.ip(), Action: proto.ActionLogout, Host: strings.ToLower(v.URL.Host),
			User: s.User, Email: s.Email, IDP: s.IDP, Device: s.Device, Ray: v.ray, Country: s.Country})
	}
	if failed {
		// Keep the cookies for another attempt.
		return v.refuse(policy.Unavailable, gate.Application{}, "", errors.New("failed to end a session"))
	}
	expired := v.expired()
	if to, ok := v.returnTo(); ok {
		return v.redirect(to, expired...)
	}
	if provider != "" {
		return v.redirect(provider, expired...)
	}
	n := &page.Notice{Title: "You are logged out",
		Texts: []string{"Your session and your access to every application have ended. " +
			"The identity provider may still know you: log out there too if others use this device."}}
	if app, found := v.gate.Find(&url.URL{Scheme: v.URL.Scheme, Host: v.URL.Host, Path: "/"}); found && !v.atTeam {
		n.Organization, n.Links = v.organization(app.Account),
			[]page.Link{{Text: "Log in to " + app.Value.Name + " again", URL: "/"}}
	}
	return withCookies(v.tell(http.StatusOK, n), expired...)
}

// heldHere yields the sessions and applications for which the browser has a valid token or a denial here.
func (v *request) heldHere() iter.Seq2[heldSession, proto.ID] {
	return func(yield func(heldSession, proto.ID) bool) {
		for _, token := range cookies(v.Header, cookieToken) {
			if s, app, ok := v.sessionAndApp(token); ok && !yield(s, app) {
				return
			}
		}
		for _, sealed := range cookies(v.Header, cookieDenied) {
			if s, app, ok := v.ofDenial(sealed); ok && !yield(s, app) {
				return
			}
		}
	}
}

// sessionAndApp returns the session of a token from this browser.
func (v *request) sessionAndApp(token string) (heldSession, proto.ID, bool) {
	if v.atTeam {
		s, _, ok := v.globalOf(token)
		return s, proto.ID{}, ok
	}
	s, app, _, ok := v.sessionOf(token)
	if !ok {
		return heldSession{}, proto.ID{}, false
	}
	return s, app.Value.ID, true
}

// end deletes a session and waits until it has ended at this gateway.
func (v *request) end(ctx context.Context, s heldSession) error {
	key := topology.SessionKey(s.account, s.Nonce)
	for try := 0; ; try++ {
		err := v.conn.Delete(ctx, topology.Sessions, key, s.revision)
		if err == nil {
			break
		}
		if !errors.Is(err, bus.ErrConflict) || try == 3 {
			return err
		}
		// It was extended or has already ended.
		var now proto.Session
		if s.revision, err = v.conn.Get(ctx, topology.Sessions, key, &now); errors.Is(err, bus.ErrNotFound) {
			break
		} else if err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, catchUp)
	defer cancel()
	return v.sessions.AwaitUntil(ctx, "without the ended session", func() bool { return !v.sessions.holds(s.Nonce) })
}

// expired returns cookies that delete the browser's cookies, on every path used by an application of this host.
func (v *request) expired() []*http.Cookie {
	if v.atTeam {
		return []*http.Cookie{expiredCookie(cookieToken, "/", v.secure()), expiredCookie(cookieTeam, "/", v.secure())}
	}
	secure := v.URL.Scheme == "https" || v.secure()
	paths := []string{"/"}
	for _, app := range v.catalog.AllApplications() {
		if !app.Value.Gate.CookiePath || !onHost(app.Value, v.URL) {
			continue
		}
		for _, path := range boundPaths(app.Value) {
			if !contains(paths, path) && len(paths) < maxCookies {
				paths = append(paths, path)
			}
		}
	}
	all := []*http.Cookie{expiredCookie(cookieApp, "/", secure), expiredCookie(cookieDenied, "/", secure)}
	for _, path := range paths {
		all = append(all, expiredCookie(cookieToken, path, secure), expiredCookie(cookieBinding, path, secure))
	}
	return all
}

// returnTo returns the target of a logout if it is on one of our own hosts.
func (v *request) returnTo() (string, bool) {
	raw, ok := single(v.URL.Query(), "returnTo")
	if !ok || len(raw) > maxPath ||
		strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '\\' }) {
		return "", false
	}
	u, err := url.Parse(raw)
	if err != nil {
		return "", false
	}
	gate.Normalize(u)
	if u.User != nil || u.Opaque != "" || u.Fragment != "" || !isPath(pathAndQuery(u)) {
		return "", false
	}
	origin := ""
	if v.IsTeam(u) && u.Scheme == v.team.Scheme {
		origin, ok = v.team.String(), true
	} else if app, found := v.gate.Find(u); found {
		origin, ok = originOf(u, app.Value, v.team)
	} else {
		ok = false
	}
	return origin + pathAndQuery(u), ok
}

func pathAndQuery(u *url.URL) string {
	p := u.EscapedPath()
	if p == "" {
		p = "/"
	}
	if u.RawQuery != "" {
		p += "?" + u.RawQuery
	}
	return p
}
