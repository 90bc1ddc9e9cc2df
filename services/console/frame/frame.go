package frame

import (
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"plumbline.dev/services/console/asset"
	"plumbline.dev/services/console/live"
	"plumbline.dev/services/console/session"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/plumb/client"
)

// Config configures a frame.
type Config struct {
	API client.Config // of a person's client, without their credential and account
}

// Deps are the dependencies of a frame.
type Deps struct {
	Log      *slog.Logger
	Clock    clock.Clock
	Sessions *session.Store
	// Gateway identifies members by the gateway's assertion; nil without a gateway.
	Gateway Gateway
	// Live shares streams of the API among tabs; nil without live events.
	Live *live.Hub
	// Observe is called for each answered request of a screen with its pattern; it may be nil.
	Observe func(pattern string, status int, took time.Duration)
}

// Gateway identifies a member by the gateway's assertion on a request. It returns the control plane's error if the
// assertion is not accepted.
type Gateway interface {
	Identify(r *http.Request) (session.Person, error)
}

// Handler answers a request of a person. A returned error is shown as a page, or as a fragment to htmx.
type Handler func(r *Request) error

// Bounds of a request to a screen, those to the API included. An action may have a scoring API called.
const (
	requestTime = 10 * time.Second
	actionTime  = 45 * time.Second
)

// Frame routes requests to screens. Routes are added before the first request.
type Frame struct {
	cfg   Config
	deps  Deps
	mux   *http.ServeMux
	pages map[string]bool // patterns of Get
	// actions holds the patterns of Post.
	actions []string
	state   states
	granted grantCache
}

// New returns a frame without screens.
func New(cfg Config, deps Deps) *Frame {
	f := &Frame{cfg: cfg, deps: deps, mux: http.NewServeMux(), pages: map[string]bool{}}
	f.mux.Handle("GET "+asset.Prefix, asset.Handler())
	f.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	f.Get(streamPath, events)
	f.handle("/", true, func(r *Request) error { return NotFound("There is no page at this address.") })
	return f
}

// Get adds a page. The pattern is a path of [http.ServeMux], such as /integrations/{id}.
func (f *Frame) Get(pattern string, h Handler) {
	f.pages[pattern] = true
	f.handle("GET "+exact(pattern), true, h)
}

// Serves reports whether there is a page with a pattern, such as /integrations/{id}. The navigation and the palette
// lead to such pages only.
func (f *Frame) Serves(pattern string) bool { return f.pages[pattern] }

// Pages returns the patterns of all pages.
func (f *Frame) Pages() []string { return slices.Sorted(maps.Keys(f.pages)) }

// Post adds an action.
func (f *Frame) Post(pattern string, h Handler) {
	f.actions = append(f.actions, pattern)
	f.handle("POST "+exact(pattern), true, h)
}

// Actions returns the patterns of all actions.
func (f *Frame) Actions() []string { return slices.Clone(f.actions) }

// Public adds a route that needs no session. The request's API is nil.
func (f *Frame) Public(methodAndPattern string, h Handler) {
	method, pattern, _ := strings.Cut(methodAndPattern, " ")
	f.handle(method+" "+exact(pattern), false, h)
}

// exact makes a path with a trailing slash match itself only.
func exact(pattern string) string {
	if strings.HasSuffix(pattern, "/") {
		return pattern + "{$}"
	}
	return pattern
}

// Handler serves the screens. Requests that a page of another site made are rejected; it may lead to a page.
func (f *Frame) Handler() http.Handler {
	protection := http.NewCrossOriginProtection()
	deny := http.HandlerFunc(func(w http.ResponseWriter, hr *http.Request) {
		r := f.newRequest(w, hr)
		r.fail(&Problem{Status: http.StatusForbidden, Title: "Request from another site",
			Text: "The console rejects what another site's page sends or loads. Open the console and try again."})
	})
	protection.SetDenyHandler(deny)
	forms := protection.Handler(f.mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setHeaders(w.Header(), "")
		if embedded(r) {
			deny(w, r)
			return
		}
		forms.ServeHTTP(w, r)
	})
}

// embedded reports whether a page of another site, or of another host of the domain, loads something of the console,
// such as an export for an image: the browser sends the person's cookies with it, and the work would be done. A link to
// a page is none, but a link to an export or to live events is.
func embedded(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "cross-site", "same-site":
		page := r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
		return !page || endless(r)
	}
	return false
}

// Sessions returns the sessions.
func (f *Frame) Sessions() *session.Store { return f.deps.Sessions }

// handle adds a route.
func (f *Frame) handle(pattern string, private bool, h Handler) {
	f.mux.HandleFunc(pattern, func(w http.ResponseWriter, hr *http.Request) {
		began := f.deps.Clock.Now()
		r := f.newRequest(w, hr)
		ctx, cancel := r.bounded()
		defer cancel()
		r.Request = hr.WithContext(client.WithDoubts(ctx, r.warn))
		if err := r.answer(private, h); err != nil {
			r.fail(err)
		}
		r.W.extend() // for what the server still holds
		if f.deps.Observe != nil {
			f.deps.Observe(pattern, r.W.status, f.deps.Clock.Now().Sub(began))
		}
	})
}

// answer identifies the person and calls the handler.
func (r *Request) answer(private bool, h Handler) error {
	if !private {
		return h(r)
	}
	if err := r.identify(); err != nil {
		if errors.Is(err, errNoSession) {
			return r.toLogin()
		}
		return err
	}
	return h(r)
}

// toLogin leads to the login page, which leads back. Live events end.
func (r *Request) toLogin() error {
	if r.live() {
		r.Stream().end(loggedOut)
		return nil
	}
	back := r.URL.RequestURI()
	if r.Method != http.MethodGet || r.Fragmented() {
		back = "/" // a form's page is better than its action
		if u, err := url.Parse(r.Referer()); err == nil && u.Host == r.Host {
			back = u.RequestURI()
		}
	}
	q := url.Values{}
	if back != "/" {
		q.Set("next", back)
	}
	if session.Cookie(r.Request) != "" {
		q.Set("ended", "1")
		session.ClearCookie(r.W, r.Request)
	}
	target := "/login"
	if len(q) > 0 {
		target += "?" + q.Encode()
	}
	return r.Redirect(target, "")
}
