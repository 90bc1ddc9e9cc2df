package session

import (
	"net/http"
	"strings"
)

// The session cookie. Over TLS, its prefix binds it to the host, the whole path and TLS.
const (
	cookiePlain  = "plumbline_console"
	cookieSecure = "__Host-plumbline_console"
)

// Secure reports whether the browser reached the console over TLS, itself or through a proxy that says so.
func Secure(r *http.Request) bool {
	return r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

// SetCookie stores the secret of a session in the browser. It ends with the browser.
func SetCookie(w http.ResponseWriter, r *http.Request, secret string) {
	http.SetCookie(w, newCookie(Secure(r), secret))
}

// Cookie returns the secret of the request's session, or "".
func Cookie(r *http.Request) string {
	name := cookiePlain
	if Secure(r) {
		name = cookieSecure
	}
	c, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return c.Value
}

// ClearCookie removes the session's cookie from the browser.
func ClearCookie(w http.ResponseWriter, r *http.Request) {
	c := newCookie(Secure(r), "")
	c.MaxAge = -1
	http.SetCookie(w, c)
}

func newCookie(secure bool, value string) *http.Cookie {
	name := cookiePlain
	if secure {
		name = cookieSecure
	}
	return &http.Cookie{Name: name, Value: value, Path: "/", HttpOnly: true, Secure: secure,
		SameSite: http.SameSiteLaxMode}
}
