package api

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"
)

// observed answers what a handler refuses, catches its panic, and counts and logs the request.
func (s *Service) observed(pattern string, h func(http.ResponseWriter, *http.Request) error) http.Handler {
	name := strings.TrimPrefix(pattern, accountPath)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start, request := time.Now(), requestID()
		rec := &recorder{ResponseWriter: w, patience: s.cfg.ClientTimeout}
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
	status   int
	patience time.Duration // how long the client may take from the beginning of the answer on
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= 200 { // what is below is no answer yet
		r.status = status
		_ = http.NewResponseController(r.ResponseWriter).SetWriteDeadline(time.Now().Add(r.patience)) // what is not a connection has none
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.WriteHeader(http.StatusOK)
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
