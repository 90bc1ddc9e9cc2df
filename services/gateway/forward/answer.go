package forward

import (
	"errors"
	"maps"
	"net/http"
	"strings"

	"plumbline.dev/services/gateway/gate"
	"plumbline.dev/services/gateway/page"
)

var errNoClient = errors.New("X-Forwarded-For does not end with the client's address")

// passed lists the headers of an admitted request that are returned to the proxy, in addition to the application's
// own header for credentials.
var passed = []string{"Cf-Access-Jwt-Assertion", "Cf-Access-Authenticated-User-Email", "Cf-Ray", "Cookie",
	"Authorization"}

// admit tells the proxy to forward the request, and with which headers.
func admit(w http.ResponseWriter, q *gate.Request, a *gate.Answer, empties bool) {
	cleaned := q.Header.Clone()
	gate.Clean(cleaned, a)
	h := w.Header()
	names := passed
	if app := a.App.Value; app != nil && app.Gate.TokenHeader != "" {
		names = append(names[:len(names):len(names)], http.CanonicalHeaderKey(app.Gate.TokenHeader))
	}
	for _, name := range names {
		if values := cleaned[name]; len(values) > 0 {
			separator := ", "
			if name == "Cookie" {
				separator = "; "
			}
			h[name] = []string{strings.Join(values, separator)}
		} else if empties {
			h[name] = []string{""}
		}
	}
	for _, c := range a.SetCookies {
		http.SetCookie(w, c)
	}
	h.Set("Cache-Control", page.NoStore)
	w.WriteHeader(http.StatusOK)
}

// answerWhole answers as the gateway itself would.
func answerWhole(w http.ResponseWriter, a *gate.Response) { write(w, a, a.Status) }

// answerRefusal answers proxies that treat every 2xx as an admission.
func answerRefusal(w http.ResponseWriter, a *gate.Response) {
	status := a.Status
	if status < 300 {
		status = http.StatusForbidden
	}
	write(w, a, status)
}

// answerStatus answers nginx, which treats any status but 2xx, 401 and 403 as an error, and discards the body.
func answerStatus(w http.ResponseWriter, a *gate.Response) {
	status := http.StatusForbidden
	if a.Status == http.StatusUnauthorized || a.Status >= 300 && a.Status < 400 {
		status = http.StatusUnauthorized
	}
	h := w.Header()
	maps.Copy(h, a.Header)
	for _, name := range []string{"Content-Type", "Content-Length", "Content-Security-Policy"} {
		h.Del(name)
	}
	w.WriteHeader(status)
}

func write(w http.ResponseWriter, a *gate.Response, status int) {
	maps.Copy(w.Header(), a.Header)
	w.WriteHeader(status)
	_, _ = w.Write(a.Body) // the client may have gone
}
