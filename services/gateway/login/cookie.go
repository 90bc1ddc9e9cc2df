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
	cookieApp     = "CF_AppSession" // at an application: binds a login to the browser
	cookieTeam    = "CF_Session"    // at the team domain: likewise
	cookieDenied  = "CF_Denied"     // at an application: a login denied by its policies; not Cloudflare's
)

const (
	appSessionLife  = 24 * time.Hour
	teamSessionLife = 4 * time.Hour
	// maxCookies bounds the cookies of one name: another host of the domain may set more.
	maxCookies = 8
	// maxCookie bounds a cookie with its name, in bytes. Browsers drop longer cookies, and the person would be
	// redirected to log in forever.
	maxCookie = 4096
)

// cookies returns the distinct values of a request's cookies of a name. It does not use [http.ParseCookie], which
// rejects a whole line for one malformed pair: a bad cookie of another host would log people out.
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

// secretOf returns the secret that binds logins to this browser. It keeps an existing secret, because a login in
// another tab may depend on it.
func secretOf(h http.Header, name string) string {
	for _, value := range cookies(h, name) {
		if isSecret(value) {
			return value
		}
	}
	return newSecret()
}

// holds reports whether the browser has the secret with this hash, and no other. Another host of the domain could set
// a second cookie of the name, and the browser would finish a stranger's login as its own.
func holds(h http.Header, name string, hash []byte) bool {
	found := cookies(h, name)
	return len(found) == 1 && len(hash) > 0 && subtle.ConstantTimeCompare(hashOf(found[0]), hash) == 1
}

func equalSecrets(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// appCookie returns the cookie that binds logins to the browser at an application.
func appCookie(value string, app *proto.Application, secure bool) *http.Cookie {
	c := &http.Cookie{Name: cookieApp, Value: value, Path: "/", MaxAge: int(appSessionLife.Seconds()), HttpOnly: true,
		Secure: secure, SameSite: http.SameSiteLaxMode}
	// An application in a frame of another site logs in there.
	if secure && (app.Gate.SameSite == "" || app.Gate.SameSite == "none") {
		c.SameSite = http.SameSiteNoneMode
	}
	return c
}

// teamCookie returns the cookie that binds logins to the browser at the team domain. The provider returns by a
// top-level navigation, which includes Lax cookies.
func (l *Login) teamCookie(value string) *http.Cookie {
	return &http.Cookie{Name: cookieTeam, Value: value, Path: "/", MaxAge: int(teamSessionLife.Seconds()), HttpOnly: true,
		Secure: l.secure(), SameSite: http.SameSiteLaxMode}
}

// globalCookie returns the cookie of the global session.
func (l *Login) globalCookie(token string, life time.Duration) *http.Cookie {
	c := &http.Cookie{Name: cookieToken, Value: token, Path: "/", MaxAge: seconds(life), HttpOnly: true,
		Secure: l.secure(), SameSite: http.SameSiteLaxMode}
	if c.Secure {
		c.SameSite = http.SameSiteNoneMode
	}
	return c
}

// secure reports whether the team domain uses https.
func (l *Login) secure() bool { return l.team.Scheme == "https" }

// tokenCookies returns the cookies of an application's session.
func (l *Login) tokenCookies(app gate.Application, token, path string, life time.Duration, secure bool) []*http.Cookie {
	g := &app.Value.Gate
	c := &http.Cookie{Name: cookieToken, Value: token, Path: "/", MaxAge: seconds(life), HttpOnly: !g.CookieScripts,
		Secure: secure, SameSite: sameSite(g.SameSite, secure)}
	if g.CookiePath {
		c.Path = path
	}
	all := []*http.Cookie{c}
	if g.CookieBinding {
		all = append(all,
			&http.Cookie{Name: cookieBinding, Value: l.box.bind(token), Path: c.Path, MaxAge: c.MaxAge, HttpOnly: true,
				Secure: secure, SameSite: c.SameSite})
	}
	return all
}

// sameSite converts same_site_cookie_attribute. Browsers reject None without Secure.
func sameSite(s string, secure bool) http.SameSite {
	switch {
	case s == "strict":
		return http.SameSiteStrictMode
	case s == "lax" || !secure:
		return http.SameSiteLaxMode
	}
	return http.SameSiteNoneMode
}

// seconds returns a cookie's Max-Age. It is at least one, because zero deletes the cookie.
func seconds(d time.Duration) int { return max(int(d/time.Second), 1) }

// expiredCookie returns a cookie that deletes another.
func expiredCookie(name, path string, secure bool) *http.Cookie {
	c := &http.Cookie{Name: name, Path: path, MaxAge: -1, HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode}
	if secure {
		c.SameSite = http.SameSiteNoneMode
	}
	return c
}

// ServiceCookies returns the cookies with a service's application token, used with strict mode off. They have the
// attributes of a person's cookies and last for the client's session.
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
