package proxy

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"
)

// watch bounds how long origins may think before they begin to answer. The transport has a bound of its own,
// which costs a timer for each request: with some thousand requests a second that is a tenth of all the work,
// since the runtime wakes its poller for each. Here the requests that wait stand in a list, the oldest first,
// which is looked at once a second.
type watch struct {
	limit time.Duration

	mu    sync.Mutex
	first *wait
	last  *wait
}

// wait is one request that waits for its answer.
type wait struct {
	of     *watch
	cancel context.CancelCauseFunc

	before, after *wait
	since         time.Time
	listed, ended bool
}

// errLate is why a request was given up whose origin took too long. It is a net.Error that says so.
type errLate struct{}

func (errLate) Error() string   { return "the origin did not begin to answer in time" }
func (errLate) Timeout() bool   { return true }
func (errLate) Temporary() bool { return true }

// begin gives the context of a request to an origin, which ends when the origin is late.
func (w *watch) begin(ctx context.Context) (context.Context, *wait) {
	ctx, cancel := context.WithCancelCause(ctx)
	return ctx, &wait{of: w, cancel: cancel}
}

// sent says that the request is with the origin: from now on it takes its time. It may be called from any
// goroutine, after end as well.
func (r *wait) sent() {
	now := time.Now()
	r.of.mu.Lock()
	defer r.of.mu.Unlock()
	if r.ended || r.listed {
		return
	}
	r.listed, r.since, r.before = true, now, r.of.last
	if r.of.last == nil {
		r.of.first = r
	} else {
		r.of.last.after = r
	}
	r.of.last = r
}

// end says that the answer has begun, or that there is none.
func (r *wait) end() {
	r.of.mu.Lock()
	defer r.of.mu.Unlock()
	r.ended = true
	if !r.listed {
		return
	}
	r.listed = false
	if r.before == nil {
		r.of.first = r.after
	} else {
		r.before.after = r.after
	}
	if r.after == nil {
		r.of.last = r.before
	} else {
		r.after.before = r.before
	}
	r.before, r.after = nil, nil
}

// sweep gives up the requests that have waited too long.
func (w *watch) sweep(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for r := w.first; r != nil && now.Sub(r.since) >= w.limit; r = r.after {
		r.cancel(errLate{})
	}
}

// impatient is the transport of requests that others make: one that gives up origins that are late.
type impatient struct{ *Proxy }

// RoundTrip implements [http.RoundTripper].
func (i impatient) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, late := i.watch.begin(r.Context())
	defer late.end()
	trace := &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { late.sent() }}
	return i.transport.RoundTrip(r.WithContext(httptrace.WithClientTrace(ctx, trace)))
}

// Run watches over the requests to origins until ctx ends.
func (w *watch) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			w.sweep(now)
		case <-ctx.Done():
			return nil
		}
	}
}
