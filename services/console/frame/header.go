package frame

import (
	"encoding/base64"
	"net/http"
	"strings"

	"plumbline.dev/services/console/session"
)

// csp is the Content Security Policy of every page; NONCE stands for the response's own nonce.
const csp = "default-src 'none'; script-src 'nonce-NONCE' 'strict-dynamic'; style-src 'nonce-NONCE'; " +
	"connect-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; " +
	"require-trusted-types-for 'script'"

// setHeaders sets the headers of every response of a screen.
func setHeaders(h http.Header, nonce string) {
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", strings.ReplaceAll(csp, "NONCE", nonce))
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	// Without its Referer a form's Origin would be "null", and http.CrossOriginProtection would reject it.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
}

// flashCookie holds the message of [Request.Redirect] until it is shown.
const flashCookie = "plumbline_flash"

// maxFlash is the longest message with the API's messages, in bytes. A cookie holds it.
const maxFlash = 2000

// setFlash has the next page show a message and what the API doubts, if there is any.
func (r *Request) setFlash(message string, doubts []string) {
	if message == "" && len(doubts) == 0 {
		return
	}
	message = strings.Join(append([]string{strings.ReplaceAll(message, "\n", " ")}, doubts...), "\n")
	if len(message) > maxFlash {
		message = strings.ToValidUTF8(message[:maxFlash], "") + "…"
	}
	c := session.NewCookie(r.Request, flashCookie, base64.RawURLEncoding.EncodeToString([]byte(message)))
	c.MaxAge = 60
	http.SetCookie(r.W, c)
}

// takeFlash returns the message to show and what the API doubts, and forgets them.
func (r *Request) takeFlash() (message string, doubts []string) {
	c, err := r.Cookie(session.CookieName(r.Request, flashCookie))
	if err != nil {
		return "", nil
	}
	r.ForgetFlash()
	text, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil || len(text) > 2*maxFlash {
		return "", nil
	}
	lines := strings.Split(strings.ToValidUTF8(string(text), ""), "\n")
	return lines[0], lines[1:]
}

// ForgetFlash removes the message that is not shown yet: it was for another session.
func (r *Request) ForgetFlash() {
	c := session.NewCookie(r.Request, flashCookie, "")
	c.MaxAge = -1
	http.SetCookie(r.W, c)
}
