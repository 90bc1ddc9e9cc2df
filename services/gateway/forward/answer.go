package forward

import (
	"errors"
	"maps"
	"net/http"
	"strings"

	"plumbline.dev/services/gateway/gate"
	"plumbline.dev/services/gateway/page"
)

var errNoClient = errors.New("X-Forwarded-For does not end in the address of the client")

// passed are the headers of an admitted request that a proxy is told the value of, beside the one that the
// application reads credentials from.
var passed = []string{"Cf-Access-Jwt-Assertion", "Cf-Access-Authenticated-User-Email", "Cf-Ray", "Cookie", "Authorization"}

// admit tells the proxy to send the request on, and with which headers.
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

// answerRefusal is for proxies that take every 2xx for an admission.
func answerRefusal(w http.ResponseWriter, a *gate.Response) {
	status := a.Status
	if status < 300 {
		status = http.StatusForbidden
	}
	write(w, a, status)
}

// answerStatus is for nginx: what is neither 2xx nor one of these two it takes for a failure of ours. The
// body would be read and thrown away.
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
	_, _ = w.Write(a.Body) // who has gone has gone
}
