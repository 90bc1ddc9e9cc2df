package v4

import (
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"time"

	"plumbline.dev/services/internal/clock"
)

// Edge is the HTTP front end of the API: it routes requests, has the gate authorize them, reads their bodies, and
// writes responses and errors in the envelope of api/README.md 1.1.
type Edge struct {
	Gate          gate
	Log           *slog.Logger
	Clock         clock.Clock
	MaxBody       int64         // largest ordinary body, in bytes
	ClientTimeout time.Duration // for a client to read an ordinary response
	Observe       Observer
}

// gate authenticates and authorizes requests.
type gate interface {
	// Authenticate returns the call of a request, with its account, zone and token.
	Authenticate(r *http.Request) (*Call, error)
	// Authorize returns an error if the call's token lacks one of the call's permissions. It may replace the request, to
	// add the actor to its context.
	Authorize(c *Call) error
}

// Observer is called for each response. The route is a pattern without ids.
type Observer func(route, method string, status int, took time.Duration)

// PublicHandler answers requests that need no credentials.
type PublicHandler func(http.ResponseWriter, *http.Request) error

// Handler returns the handler of the routes and of the public paths. The edge checks methods itself, because the
// responses of the mux would not follow the contract.
func (e *Edge) Handler(routes []Route, public map[string]PublicHandler) http.Handler {
	byPath := map[string]map[string]Route{}
	for _, r := range WithZones(routes) {
		if byPath[r.Path] == nil {
			byPath[r.Path] = map[string]Route{}
		}
		byPath[r.Path][r.Method] = r
	}
	mux := http.NewServeMux()
	for p, h := range public {
		mux.Handle(p, e.observed(p, h))
	}
	for p, methods := range byPath {
		mux.Handle(p, e.observed(p, func(w http.ResponseWriter, r *http.Request) error { return e.serve(w, r, methods) }))
	}
	lost := e.observed("none", func(w http.ResponseWriter, r *http.Request) error { return ErrNoRoute })
	mux.Handle("/", lost)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The mux would redirect a path that is not canonical. A trailing slash is ignored.
		short := path.Clean(r.URL.EscapedPath())
		switch r.URL.EscapedPath() {
		case short:
			mux.ServeHTTP(w, r)
		case short + "/":
			mux.ServeHTTP(w, withPath(r, short))
		default:
			lost.ServeHTTP(w, r)
		}
	})
}

// withPath returns a copy of a request with another, escaped path.
func withPath(r *http.Request, escaped string) *http.Request {
	u := *r.URL
	u.RawPath = escaped
	u.Path, _ = url.PathUnescape(escaped) // part of a URL that was parsed
	other := new(http.Request)
	*other = *r
	other.URL = &u
	return other
}

// bodyTimeout is how long a client may take to send an ordinary body.
const bodyTimeout = 30 * time.Second

func (e *Edge) serve(w http.ResponseWriter, r *http.Request, methods map[string]Route) error {
	c, err := e.Gate.Authenticate(r)
	if err != nil {
		return err
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	rt, known := methods[method]
	if !known {
		return MethodNotAllowed(slices.Sorted(maps.Keys(methods))...)
	}
	c.Permission, c.Also = rt.PermissionFor(method), rt.Also
	if err := e.Gate.Authorize(c); err != nil {
		return err
	}
	if rt.Stream == nil || rt.Bounded {
		if c.Payload, err = readBody(w, r, e.MaxBody); err != nil {
			return err
		}
	}
	if rt.Stream != nil {
		return e.whilePermitted(c, func(c *Call) error { return rt.Stream(w, c) })
	}
	a, err := rt.Handle(c.Context(), c)
	if err != nil {
		return err
	}
	if rt.TextMessages && r.Header.Get(HeaderMessages) == "" {
		a.Messages = nil
	}
	return a.Write(w)
}

// readBody reads an ordinary body. It removes the deadline afterwards, which would otherwise end the request.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	connection := http.NewResponseController(w)
	_ = connection.SetReadDeadline(time.Now().Add(bodyTimeout)) // fails in tests without a connection
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	_ = connection.SetReadDeadline(time.Time{})
	var large *http.MaxBytesError
	if err != nil && !errors.As(err, &large) {
		return nil, Invalid("the body is incomplete")
	}
	return body, err
}
