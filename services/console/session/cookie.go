package session

import (
	"net/http"
	"strings"
)

// sessionCookie holds the secret of a session.
const sessionCookie = "plumbline_console"

// NewCookie returns a cookie of the console. Over TLS, the prefix of its name binds it to the host, the whole path and
// TLS, so that no other host of the domain can set it.
func NewCookie(r *http.Request, name, value string) *http.Cookie {
	return &http.Cookie{Name: CookieName(r, name), Value: value, Path: "/", HttpOnly: true, Secure: Secure(r),
		SameSite: http.SameSiteLaxMode}
}

// CookieName returns the name of a cookie of the console in a request. Through the gateway it is another: the gateway
// keeps the console's own from applications, because a browser sends them to every port of the host, such as 127.0.0.1.
func CookieName(r *http.Request, name string) string {
	if r.Header.Get("Cf-Ray") != "" {
		name += "_gateway"
	}
	if Secure(r) {
		return "__Host-" + name
	}
	return name
}

// Secure reports whether the browser reached the console over TLS, itself or through a proxy that says so.
func Secure(r *http.Request) bool {
	return r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

// SetCookie stores the secret of a session in the browser. It ends with the browser.
func SetCookie(w http.ResponseWriter, r *http.Request, secret string) {
	http.SetCookie(w, NewCookie(r, sessionCookie, secret))
}

// Cookie returns the secret of the request's session, or "".
func Cookie(r *http.Request) string {
	c, err := r.Cookie(CookieName(r, sessionCookie))
	if err != nil {
		return ""
	}
	return c.Value
}

// ClearCookie removes the session's cookie from the browser.
func ClearCookie(w http.ResponseWriter, r *http.Request) {
	c := NewCookie(r, sessionCookie, "")
	c.MaxAge = -1
	http.SetCookie(w, c)
}
