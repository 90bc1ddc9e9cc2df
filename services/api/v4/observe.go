package v4

import (
	"errors"
	"fmt"
	"net/http"
	"plumbline.dev/services/internal/requestid"
	"runtime/debug"
	"strings"
	"time"
)

// observed returns a handler that writes error responses, recovers from panics, and reports and logs each request.
func (e *Edge) observed(pattern string, h PublicHandler) http.Handler {
	name := strings.TrimPrefix(pattern, AccountPath)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start, request := time.Now(), requestid.New()
		rec := &recorder{ResponseWriter: w, timeout: e.ClientTimeout}
		header := w.Header()
		header.Set("X-Request-Id", request)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Cache-Control", "no-store")
		err := recovered(func() error { return h(rec, r) })
		if errors.Is(err, http.ErrAbortHandler) {
			e.Observe(name, method(r), statusAborted, time.Since(start))
			panic(http.ErrAbortHandler) // the server closes the connection, so that the client notices the incomplete response
		}
		if err != nil {
			p := AsError(err)
			if p.Status >= 500 {
				e.Log.Error("request failed", "request", request, "route", name, "method", method(r), "status", p.Status, "err",
					err)
			}
			if rec.status == 0 {
				p.write(rec)
			}
		}
		e.Observe(name, method(r), rec.status, time.Since(start))
		e.Log.Debug("request", "request", request, "route", name, "method", method(r), "status", rec.status, "took",
			time.Since(start))
	})
}

// statusAborted is the status in metrics for responses that were cut off.
const statusAborted = 499

// method returns the method for metric labels and logs. Unknown methods are "other", since clients can invent any
// number of them.
func method(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodOptions:
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
		err = &Error{Status: http.StatusInternalServerError, code: CodeInternal, Message: "internal error",
			Cause: fmt.Errorf("panic: %v\n%s", p, debug.Stack())}
	}()
	return f()
}

// recorder records the status for the metrics.
type recorder struct {
	http.ResponseWriter
	status  int
	timeout time.Duration // time for the client to read the response, once it begins
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= 200 { // informational responses come before the real one
		r.status = status
		// This fails if there is no connection, as in tests.
		_ = http.NewResponseController(r.ResponseWriter).SetWriteDeadline(time.Now().Add(r.timeout))
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
