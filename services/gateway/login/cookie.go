package login

import (
	"crypto/subtle"
	"net/http"
	"net/url"
	"strings"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/gateway/gate"
)

// The cookies (api/README.md 8.4).
const (
	cookieToken   = "CF_Authorization"
	cookieBinding = "CF_Binding"
	cookieApp     = "CF_AppSession" // of an application: binds a login to the browser
	cookieTeam    = "CF_Session"    // of the team domain: likewise
	cookieDenied  = "CF_Denied"     // of an application: a login that its policies denied; not Cloudflare's
)

const (
	appSessionLife  = 24 * time.Hour
	teamSessionLife = 4 * time.Hour
	// maxCookies is how many cookies of one name are looked at: a neighbour of the domain can set more.
	maxCookies = 8
	// maxCookie bounds a cookie with its name, in bytes: browsers drop what is longer, and a person whose
	// cookie is dropped is sent to log in for ever.
	maxCookie = 4096
)

// cookies are the values of a request's cookies of a name, no two of them alike.
func cookies(h http.Header, name string) []string {
	var found []string
	for _, line := range h["Cookie"] {
		for part := range strings.SplitSeq(line, ";") {
			n, value, ok := strings.Cut(strings.TrimSpace(part), "=")
			if !ok || n != name || len(value) > maxCookie || contains(found, value) {
				continue
			}
			if found = append(found, value); len(found) == maxCookies {
				return found
			}
		}
	}
	return found
}

func contains(all []string, s string) bool {
	for _, other := range all {
		if other == s {
			return true
		}
	}
	return false
}

// secretOf gives the secret that binds logins to this browser, and whether it is a new one. One that the
// browser has stays: a login in another tab is bound to it.
func secretOf(h http.Header, name string) string {
	for _, value := range cookies(h, name) {
		if isSecret(value) {
			return value
		}
	}
	return newSecret()
}

// holds reports whether the browser has the secret of a hash, and no other one. A neighbour of the domain can set a
// second cookie of the name, with which the browser would finish the neighbour's login as its own.
func holds(h http.Header, name string, hash []byte) bool {
	found := cookies(h, name)
	return len(found) == 1 && len(hash) > 0 && subtle.ConstantTimeCompare(hashOf(found[0]), hash) == 1
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// appCookie is the cookie that binds logins to the browser at an application.
func appCookie(value string, app *proto.Application, secure bool) *http.Cookie {
	c := &http.Cookie{Name: cookieApp, Value: value, Path: "/", MaxAge: int(appSessionLife.Seconds()), HttpOnly: true,
		Secure: secure, SameSite: http.SameSiteLaxMode}
	// An application in another site's frame logs in there.
	if secure && (app.Gate.SameSite == "" || app.Gate.SameSite == "none") {
		c.SameSite = http.SameSiteNoneMode
	}
	return c
}

// teamCookie is the cookie that binds logins to the browser at the team domain. The provider sends the
// browser back by a navigation of its own, which Lax lets it come with.
func (l *Login) teamCookie(value string) *http.Cookie {
	return &http.Cookie{Name: cookieTeam, Value: value, Path: "/", MaxAge: int(teamSessionLife.Seconds()), HttpOnly: true,
		Secure: l.secure(), SameSite: http.SameSiteLaxMode}
}

// globalCookie is the cookie of the global session. Only the team domain's own pages and what leads to them
// bring it.
func (l *Login) globalCookie(token string, life time.Duration) *http.Cookie {
	c := &http.Cookie{Name: cookieToken, Value: token, Path: "/", MaxAge: seconds(life), HttpOnly: true, Secure: l.secure(), SameSite: http.SameSiteLaxMode}
	if c.Secure {
		c.SameSite = http.SameSiteNoneMode
	}
	return c
}

// secure tells whether the team domain is served over https.
func (l *Login) secure() bool { return l.team.Scheme == "https" }

// tokenCookies are the cookies that an application's session consists of.
func (l *Login) tokenCookies(app gate.Application, token, path string, life time.Duration, secure bool) []*http.Cookie {
	g := &app.Value.Gate
	c := &http.Cookie{Name: cookieToken, Value: token, Path: "/", MaxAge: seconds(life), HttpOnly: !g.CookieScripts, Secure: secure, SameSite: sameSite(g.SameSite, secure)}
	if g.CookiePath {
		c.Path = path
	}
	all := []*http.Cookie{c}
	if g.CookieBinding {
		all = append(all, &http.Cookie{Name: cookieBinding, Value: l.box.bind(token), Path: c.Path, MaxAge: c.MaxAge, HttpOnly: true,
			Secure: secure, SameSite: c.SameSite})
	}
	return all
}

// sameSite is same_site_cookie_attribute. Browsers refuse None without Secure.
func sameSite(s string, secure bool) http.SameSite {
	switch {
	case s == "strict":
		return http.SameSiteStrictMode
	case s == "lax" || !secure:
		return http.SameSiteLaxMode
	}
	return http.SameSiteNoneMode
}

// seconds is a cookie's Max-Age: at least one, as less means something else.
func seconds(d time.Duration) int { return max(int(d/time.Second), 1) }

// gone takes a cookie away.
func gone(name, path string, secure bool) *http.Cookie {
	c := &http.Cookie{Name: name, Path: path, MaxAge: -1, HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode}
	if secure {
		c.SameSite = http.SameSiteNoneMode
	}
	return c
}

// ServiceCookies are the cookies that a service gets its application token as where strict mode is off: those
// of a person's session, for as long as the client keeps them.
func (l *Login) ServiceCookies(app gate.Application, token string, at *url.URL) []*http.Cookie {
	path := "/"
	if app.Value.Gate.CookiePath {
		path = pathOfApp(app.Value, at)
	}
	all := l.tokenCookies(app, token, path, 0, at.Scheme == "https")
	for _, c := range all {
		c.MaxAge = 0
	}
	return all
}
