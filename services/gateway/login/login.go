package login

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/services/gateway/gate"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/hostname"
	"plumbline.dev/services/internal/requestid"
	"plumbline.dev/services/internal/teamdomain"
)

// Login handles the logins at one gateway. It is safe for concurrent use.
type Login struct {
	team      *url.URL
	conn      *bus.Conn
	log       *slog.Logger
	clock     clock.Clock
	catalog   *catalog.Catalog
	sessions  *Sessions
	gate      Gate
	keys      Keys
	devices   gate.Devices
	recorder  Recorder
	box       *box
	providers *providers
	limits    *limiter
	metrics   *metrics
}

// New returns a Login. It starts nothing; [Sessions.Run] must run.
func New(cfg Config, deps Deps) (*Login, error) {
	team, err := teamdomain.Parse(cfg.TeamDomain)
	if err != nil {
		return nil, fmt.Errorf("login: %w", err)
	}
	sealed, err := newBox(cfg.SessionKey)
	if err != nil {
		return nil, fmt.Errorf("login: %w", err)
	}
	ready, err := newProviders(deps.HTTP, deps.Identities, deps.Clock, team.String()+pathCallback)
	if err != nil {
		return nil, fmt.Errorf("login: %w", err)
	}
	m, err := newMetrics(deps.Metrics)
	if err != nil {
		return nil, fmt.Errorf("login: %w", err)
	}
	limits, err := newLimiter(maxCalls, deps.Clock)
	if err != nil {
		return nil, fmt.Errorf("login: %w", err)
	}
	return &Login{
		team: team, conn: deps.Bus, log: deps.Log, clock: deps.Clock, catalog: deps.Catalog, sessions: deps.Sessions,
		gate: deps.Gate, keys: deps.Keys, devices: deps.Devices, recorder: deps.Recorder, box: sealed, providers: ready,
		limits: limits, metrics: m,
	}, nil
}

// The paths that are served here.
const (
	pathLogin      = ourPaths + "/login/" // followed by the application's host; at the team domain
	pathCallback   = ourPaths + "/callback"
	pathAuthorized = ourPaths + "/authorized" // at an application
	pathLogout     = ourPaths + "/logout"
	pathIdentity   = ourPaths + "/get-identity"
)

// Host returns the team domain's host, with its port unless it is the scheme's default. It serves only the paths of
// this package and the certs.
func (l *Login) Host() string { return l.team.Host }

// IsTeam reports whether a request is for the team domain.
func (l *Login) IsTeam(u *url.URL) bool {
	h, err := hostname.Parse(u.Host)
	if err != nil {
		return false
	}
	for _, scheme := range []string{u.Scheme, l.team.Scheme} {
		if h.Port == defaultPort(scheme) {
			h.Port = ""
		}
		if h.String() == l.team.Host {
			return true
		}
	}
	return false
}

// Bound reports whether a CF_Binding cookie belongs to a token from a cookie (enable_binding_cookie).
func (l *Login) Bound(token, binding string) bool { return equalSecrets(l.box.bind(token), binding) }

// ServeHTTP serves the login paths under /cdn-cgi/access/. q is the request as its client made it, which differs from
// r behind a proxy.
func (l *Login) ServeHTTP(w http.ResponseWriter, r *http.Request, q *gate.Request) {
	answer := l.answer(r.Context(), q)
	for name, values := range answer.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Status)
	if q.Method != http.MethodHead {
		_, _ = w.Write(answer.Body) // the client may have gone
	}
}

// Handle is [Login.ServeHTTP] for callers without an http.ResponseWriter.
func (l *Login) Handle(ctx context.Context, q *gate.Request) *gate.Response { return l.answer(ctx, q) }

func (l *Login) answer(ctx context.Context, q *gate.Request) *gate.Response {
	v := &request{Login: l, Request: q, ray: requestid.New(), atTeam: l.IsTeam(q.URL)}
	path := q.URL.Path
	handle, methods := v.find(path)
	switch {
	case handle == nil:
		return v.plain(http.StatusNotFound, "Not found.")
	case !strings.Contains(methods, q.Method) || q.Method == "":
		answer := v.plain(http.StatusMethodNotAllowed, "Use GET.")
		answer.Header.Set("Allow", methods)
		return answer
	}
	return handle(ctx)
}

// request is the state of one request of a login.
type request struct {
	*Login
	*gate.Request
	ray    string
	atTeam bool // it is for the team domain
}

// find returns the handler and the methods of a path. Single-use links do not accept HEAD, because mail scanners and
// previews send it.
func (v *request) find(path string) (handle func(context.Context) *gate.Response, methods string) {
	const get, look = "GET", "GET, HEAD"
	switch {
	case v.atTeam && strings.HasPrefix(path, pathLogin):
		return v.begin, look
	case v.atTeam && path == pathCallback:
		return v.callback, get
	case !v.atTeam && path == pathAuthorized:
		return v.authorized, get
	case path == pathLogout:
		return v.logout, get
	case path == pathIdentity:
		return v.identity, look
	}
	return nil, ""
}

func (v *request) now() time.Time { return v.clock.Now() }

// ip returns the client's address; empty if it is not known.
func (v *request) ip() string {
	if !v.Peer.IsValid() {
		return ""
	}
	return v.Peer.String()
}
