package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"plumbline.dev/proto"
)

// route is one operation. Exactly one of handle and stream is set: stream writes its answer itself, and
// its body is not bounded.
type route struct {
	method, path string
	handle       func(context.Context, *call) (answer, error)
	stream       func(http.ResponseWriter, *call) error
}

const accountPath = "/client/v4/accounts/{account}"

// newHandler puts the routes behind one mux. Methods are told apart here and not by the mux, whose own
// answers are not of the contract's shape.
func (s *Service) newHandler(routes []route) http.Handler {
	byPath := map[string]map[string]route{}
	for _, r := range routes {
		if byPath[r.path] == nil {
			byPath[r.path] = map[string]route{}
		}
		byPath[r.path][r.method] = r
	}
	mux := http.NewServeMux()
	for p, methods := range byPath {
		mux.Handle(p, s.observed(p, func(w http.ResponseWriter, r *http.Request) error { return s.serve(w, r, methods) }))
	}
	lost := s.observed("none", func(w http.ResponseWriter, r *http.Request) error { return errNoRoute })
	mux.Handle("/", lost)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The mux would redirect a path that is not in its shortest form.
		if path.Clean(r.URL.Path) != r.URL.Path {
			lost.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// bodyTimeout is how long a client may take to send an ordinary body.
const bodyTimeout = 30 * time.Second

func (s *Service) serve(w http.ResponseWriter, r *http.Request, methods map[string]route) error {
	account, err := proto.ParseAccount(r.PathValue("account"))
	if err != nil {
		return errNoRoute
	}
	token, err := s.authenticate(r, account)
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
	c := &call{Request: r, account: account, token: token}
	if rt.stream != nil {
		return rt.stream(w, c)
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

// observed answers what a handler refuses, catches its panic, and counts and logs the request.
func (s *Service) observed(pattern string, h func(http.ResponseWriter, *http.Request) error) http.Handler {
	name := strings.TrimPrefix(pattern, accountPath)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start, request := time.Now(), requestID()
		rec := &recorder{ResponseWriter: w}
		header := w.Header()
		header.Set("X-Request-Id", request)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Cache-Control", "no-store")
		err := recovered(func() error { return h(rec, r) })
		if errors.Is(err, http.ErrAbortHandler) {
			s.metrics.request(name, method(r), statusAborted, time.Since(start))
			panic(http.ErrAbortHandler) // the server closes the connection: the client sees that the answer is cut
		}
		if err != nil {
			p := problemOf(err)
			if p.status >= 500 {
				s.log.Error("request failed", "request", request, "route", name, "method", method(r), "status", p.status, "err", err)
			}
			if rec.status == 0 {
				p.write(rec)
			}
		}
		s.metrics.request(name, method(r), rec.status, time.Since(start))
		s.log.Debug("request", "request", request, "route", name, "method", method(r), "status", rec.status, "took", time.Since(start))
	})
}

// statusAborted counts answers that were cut off.
const statusAborted = 499

// method keeps what a client makes up out of the labels and the log.
func method(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	}
	return "other"
}

func recovered(f func() error) (err error) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if e, ok := p.(error); ok && errors.Is(e, http.ErrAbortHandler) {
			err = e
			return
		}
		err = &problem{status: http.StatusInternalServerError, code: codeInternal, message: "internal error",
			cause: fmt.Errorf("panic: %v\n%s", p, debug.Stack())}
	}()
	return f()
}

func requestID() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// recorder remembers the status for the metrics.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// shutdownTimeout bounds how long requests under way may take to finish when the service ends.
const shutdownTimeout = 2 * time.Second

// listen serves until ctx ends. Streams are told to end; other requests have [shutdownTimeout].
func (s *Service) listen(ctx context.Context) error {
	for _, await := range []func(context.Context) error{s.catalog.Await, s.tokens.Await, s.inventory.Await, s.overview.Await} {
		if err := await(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", s.cfg.Addr)
	if err != nil {
		return fmt.Errorf("control plane address (--api-addr): %w", err)
	}
	addr := l.Addr().String()
	s.addr.Store(&addr)
	s.log.Info("control plane listens", "addr", addr)
	requests, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	server := &http.Server{
		Handler: s.handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		BaseContext: func(net.Listener) context.Context { return requests },
		ErrorLog:    slogLogger(s.log),
	}
	stopped := make(chan struct{})
	context.AfterFunc(ctx, func() {
		defer close(stopped)
		close(s.ending)
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		if server.Shutdown(bounded) != nil {
			server.Close()
		}
	})
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	<-stopped
	return nil
}
