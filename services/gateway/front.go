package gateway

import (
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"strconv"
	"strings"

	"plumbline.dev/services/gateway/forward"
	"plumbline.dev/services/gateway/gate"
	"plumbline.dev/services/gateway/page"
	"plumbline.dev/services/gateway/proxy"
	"plumbline.dev/services/internal/clock"
)

// front routes every request of a listener to its handler.
type front struct {
	trusted []netip.Prefix
	team    *url.URL
	gate    *gate.Gate
	proxy   *proxy.Proxy
	login   people
	certs   func() ([]byte, bool)
	forward http.Handler
	clock   clock.Clock
	clients *certificates // verifies client certificates; nil: none is accepted
}

// people handles logins. [login.Login] implements it.
type people interface {
	ServeHTTP(w http.ResponseWriter, r *http.Request, q *gate.Request)
	IsTeam(u *url.URL) bool
}

const (
	// reserved is the prefix of our own paths on every host, never sent to an origin.
	reserved   = "/cdn-cgi/"
	loginPaths = reserved + "access/"
	certsPath  = loginPaths + "certs"
)

// ServeHTTP implements [http.Handler].
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := f.read(r)
	p := r.URL.Path
	switch {
	case r.Method == http.MethodConnect:
		f.nothing(w, http.StatusMethodNotAllowed)
	case strings.HasPrefix(p, reserved) && r.URL.RawPath == "" && path.Clean(p) == strings.TrimSuffix(p, "/"):
		f.serveOwn(w, r, q)
	case p == "/" && f.login.IsTeam(q.URL) && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		f.serveRoot(w, r)
	case strings.Contains(p, "cdn-cgi") && ours(r.URL), f.login.IsTeam(q.URL):
		f.nothing(w, http.StatusNotFound)
	case p == gate.MetadataPath || strings.HasPrefix(p, gate.MetadataPath+"/"):
		f.serveMetadata(w, r, q)
	default:
		f.guard(w, r, q)
	}
}

// guard decides about a request and sends it to the origin if it is admitted.
func (f *front) guard(w http.ResponseWriter, r *http.Request, q proxy.Request) {
	q.Answer = f.gate.Check(r.Context(), q.Request)
	if q.Answer.Admitted() {
		f.proxy.Serve(w, r, q)
		return
	}
	respond(w, r, q.Answer.Response)
}

func (f *front) serveOwn(w http.ResponseWriter, r *http.Request, q proxy.Request) {
	switch p := r.URL.Path; {
	case p == certsPath:
		f.serveCerts(w, r)
	case strings.HasPrefix(p, forward.Path):
		f.forward.ServeHTTP(w, r)
	case strings.HasPrefix(p, loginPaths):
		f.login.ServeHTTP(w, r, q.Request)
	default:
		f.nothing(w, http.StatusNotFound)
	}
}

// serveCerts serves the public keys (api/README.md 8.2), on every host.
func (f *front) serveCerts(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		f.nothing(w, http.StatusMethodNotAllowed)
		return
	}
	document, ok := f.certs()
	if !ok {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "The public keys are not known yet. Try again in a second.", http.StatusServiceUnavailable)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(document)))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Access-Control-Allow-Origin", "*")
	// The same as at the exchange: a key is published longer than caches keep the document before it is used.
	h.Set("Cache-Control", "public, max-age=10")
	_, _ = w.Write(document) // the client may have gone
}

// serveRoot serves a notice at the team domain itself, which is not an application.
func (f *front) serveRoot(w http.ResponseWriter, r *http.Request) {
	header, body := page.Tell(r.Header, &page.Notice{
		Title: "You log in here to applications",
		Texts: []string{"This is the team domain: applications send you here to log in, and you return to them afterwards. " +
			"Open the application you want to use."},
		Links: []page.Link{{Text: "Log out of all applications", URL: loginPaths + "logout"}},
	})
	respond(w, r, &gate.Response{Status: http.StatusNotFound, Header: header, Body: body})
}

// nothing answers with a bare status.
func (f *front) nothing(w http.ResponseWriter, status int) {
	http.Error(w, http.StatusText(status), status)
}

// ours reports whether a path could be read as a reserved one.
func ours(u *url.URL) bool {
	for _, p := range [...]string{u.Path, gate.Unescape(u.Path)} {
		p = path.Clean("/" + strings.ReplaceAll(p, `\`, "/"))
		if p == "/cdn-cgi" || strings.HasPrefix(p, reserved) || strings.HasPrefix(p, "/cdn-cgi;") {
			return true
		}
	}
	return false
}

func respond(w http.ResponseWriter, r *http.Request, a *gate.Response) {
	h := w.Header()
	for name, values := range a.Header {
		h[name] = values
	}
	w.WriteHeader(a.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(a.Body) // the client may have gone
	}
}
