package api

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"
)

// route is one operation. Exactly one of handle and stream is set: stream writes its answer itself, and
// its body is not bounded.
type route struct {
	method, path string
	of           area // what a token must be allowed to read or edit
	zones        bool // it is there for zones too
	handle       func(context.Context, *call) (answer, error)
	stream       func(http.ResponseWriter, *call) error
}

const (
	accountPath = "/client/v4/accounts/{account}"
	zonePath    = "/client/v4/zones/{zone}"
)

// withZones are the routes and, of those that are there for zones too, the ones under a zone.
func withZones(routes []route) []route {
	all := slices.Clone(routes)
	for _, r := range routes {
		if r.zones {
			r.path = zonePath + strings.TrimPrefix(r.path, accountPath)
			all = append(all, r)
		}
	}
	return all
}

// newHandler puts the routes behind one mux. Methods are told apart here and not by the mux, whose own
// answers are not of the contract's shape.
func (s *Service) newHandler(routes []route) http.Handler {
	byPath := map[string]map[string]route{}
	for _, r := range withZones(routes) {
		if byPath[r.path] == nil {
			byPath[r.path] = map[string]route{}
		}
		byPath[r.path][r.method] = r
	}
	mux := http.NewServeMux()
	mux.Handle(openAPIPath, s.observed(openAPIPath, serveOpenAPI(routes)))
	for p, methods := range byPath {
		mux.Handle(p, s.observed(p, func(w http.ResponseWriter, r *http.Request) error { return s.serve(w, r, methods) }))
	}
	lost := s.observed("none", func(w http.ResponseWriter, r *http.Request) error { return errNoRoute })
	mux.Handle("/", lost)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The mux would redirect a path that is not in its shortest form. Clients that end a path with a slash
		// mean what is there without.
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

// withPath is a request with another path, which is escaped.
func withPath(r *http.Request, escaped string) *http.Request {
	u := *r.URL
	u.RawPath = escaped
	u.Path, _ = url.PathUnescape(escaped) // it was part of a URL
	other := new(http.Request)
	*other = *r
	other.URL = &u
	return other
}

// bodyTimeout is how long a client may take to send an ordinary body.
const bodyTimeout = 30 * time.Second

func (s *Service) serve(w http.ResponseWriter, r *http.Request, methods map[string]route) error {
	account, zone, token, given, err := s.scope(r)
	if err != nil {
		return err
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	rt, known := methods[method]
	if !known {
		p := refuse(http.StatusMethodNotAllowed, codeMethod, "Method not allowed")
		p.allow = strings.Join(slices.Sorted(maps.Keys(methods)), ", ")
		return p
	}
	n := needOf(rt, method)
	if !permits(token, n, zone) {
		return lacks(n)
	}
	s.uses.note(account, token.ID, s.tokens.lastUsed(account, token.ID), s.clock.Now())
	r = r.WithContext(withOrigin(r, token))
	c := &call{Request: r, account: account, zone: zone, token: token, given: given, need: n}
	if rt.stream != nil {
		return s.whilePermitted(c, func(c *call) error { return rt.stream(w, c) })
	}
	if c.body, err = readBody(w, r, s.cfg.MaxBody); err != nil {
		return err
	}
	a, err := rt.handle(r.Context(), c)
	if err != nil {
		return err
	}
	return a.write(w)
}

// readBody reads an ordinary body to its end. The deadline is for the body only: passing later, it would
// end the request.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	connection := http.NewResponseController(w)
	_ = connection.SetReadDeadline(time.Now().Add(bodyTimeout)) // what is not a connection has none
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	_ = connection.SetReadDeadline(time.Time{})
	var large *http.MaxBytesError
	if err != nil && !errors.As(err, &large) {
		return nil, invalid("the body could not be read to its end")
	}
	return body, err
}
