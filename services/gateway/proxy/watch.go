package proxy

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"plumbline.dev/services/gateway/gate"
)

// watch checks all current requests once a second. It cancels those with a late origin, and ends long requests that
// are no longer admitted. One timer per request would be simpler, but at thousands of requests a second it costs a
// tenth of the processor time, because the runtime wakes its poller for each. The requests form a list, oldest first,
// and most have left it before the next check.
type watch struct {
	// limit bounds the wait for an origin's response headers.
	limit time.Duration
	// still evaluates a request again: it returns nil while the request stays admitted, and otherwise the refusal. A
	// nil still disables this.
	still func(context.Context, *gate.Request, *gate.Answer) *gate.Answer
	// conns is the number of connections to one origin.
	conns int

	mu    sync.Mutex
	first *transfer
	last  *transfer
}

// lasting is the age at which a request is evaluated again at each check.
const lasting = time.Second

// transfer is one request to an origin, with its response.
type transfer struct {
	of     *watch
	cancel context.CancelCauseFunc
	w      http.ResponseWriter
	q      Request
	since  time.Time
	origin *url.URL
	client clientWriter // w, with its writes measured

	// informs reports whether the client understands informational responses (1xx), introduced by HTTP/1.1.
	informs bool
	// with is the time at which the whole request was sent, in Unix nanoseconds; 0 before.
	with atomic.Int64
	// begun is set at the start of the response, or once there will be none.
	begun atomic.Bool
	// refused is the refusal that ended the request, or nil.
	refused atomic.Pointer[gate.Answer]
	// used is the connection of the newest attempt; nil before it has one. The body is read in another goroutine.
	used atomic.Pointer[use]
	// up and down measure the client's sending of the body and receiving of the response.
	up, down pace

	// Guarded by the lock of the list:
	before, after *transfer
	over          bool
	closing       chan struct{} // closed when stop has finished using w; nil before stop starts

	// cut is set when the client's connection or stream accepts no more data. Read it after closing.
	cut bool
}

// errTimeout is the cause for cancelling a request with a late origin. It is a net.Error with Timeout.
type errTimeout struct{}

func (errTimeout) Error() string   { return "the origin did not begin to answer in time" }
func (errTimeout) Timeout() bool   { return true }
func (errTimeout) Temporary() bool { return true }

// errNoLonger is the cause for ending a request that is no longer admitted.
type errNoLonger struct{}

func (errNoLonger) Error() string { return "the request is no longer admitted" }

// begin adds a request to the list; [transfer.end] removes it. The returned context is for the request to the origin
// and ends when the request is cancelled. [transferOf] finds the transfer in it.
func (w *watch) begin(ctx context.Context, to http.ResponseWriter, q Request) (context.Context, *transfer) {
	ctx, cancel := context.WithCancelCause(ctx)
	r := &transfer{of: w, cancel: cancel, w: to, q: q, since: time.Now()}
	ctx = context.WithValue(ctx, transferKey{}, r)
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.before = w.last; r.before == nil {
		w.first = r
	} else {
		r.before.after = r
	}
	w.last = r
	return ctx, r
}

type transferKey struct{}

// transferOf returns the transfer of a request to an origin.
func transferOf(ctx context.Context) *transfer { return ctx.Value(transferKey{}).(*transfer) }

// got records the connection of an attempt. It is a hook of [httptrace.ClientTrace].
func (r *transfer) got(info httptrace.GotConnInfo) { r.used.Store(useOf(info)) }

// sent records that the whole request was sent; the origin's time starts now. It is a hook of
// [httptrace.ClientTrace], and may be called from any goroutine, even after end.
func (r *transfer) sent(httptrace.WroteRequestInfo) { r.with.CompareAndSwap(0, time.Now().UnixNano()) }

// answered records that the response has begun, or that there will be none.
func (r *transfer) answered() { r.begun.Store(true) }

// end removes the request from the list. Afterwards only the caller uses its writer. If the request was cut off, end
// panics with [http.ErrAbortHandler]: its connection must not be reused, because a proxy in between may share it
// among clients.
func (r *transfer) end() {
	w := r.of
	w.mu.Lock()
	if r.before == nil {
		w.first = r.after
	} else {
		r.before.after = r.after
	}
	if r.after == nil {
		w.last = r.before
	} else {
		r.after.before = r.before
	}
	r.before, r.after, r.over = nil, nil, true
	closing := r.closing
	w.mu.Unlock()
	if closing == nil {
		return
	}
	if <-closing; r.cut {
		panic(http.ErrAbortHandler)
	}
}

// old returns the long requests, and cancels those with a late origin.
func (w *watch) old(now time.Time, all []*transfer) []*transfer {
	w.mu.Lock()
	defer w.mu.Unlock()
	for r := w.first; r != nil && now.Sub(r.since) >= min(lasting, w.limit); r = r.after {
		if with := r.with.Load(); with != 0 && !r.begun.Load() && now.Sub(time.Unix(0, with)) >= w.limit {
			r.cancel(errTimeout{})
		}
		all = append(all, r)
	}
	return all
}

// ask evaluates a long request again, and ends it if it is no longer admitted.
func (r *transfer) ask(ctx context.Context) {
	if r.refused.Load() == nil {
		a := r.of.still(ctx, r.q.Request, r.q.Answer)
		if a == nil {
			return
		}
		r.refused.Store(a)
	}
	r.stop(errNoLonger{})
}

// stop ends a request.
func (r *transfer) stop(why error) {
	w := r.of
	w.mu.Lock()
	if r.over {
		w.mu.Unlock()
		return
	}
	r.closing = make(chan struct{})
	w.mu.Unlock()
	defer close(r.closing)
	r.cancel(why)
	// The origin is now disconnected. The response or the client's body may still be waiting for a stalled client. If
	// no response has begun, the refusal is still written as the response.
	c, past := http.NewResponseController(r.w), time.Unix(1, 0)
	if r.begun.Load() {
		r.cut = true
		_ = c.SetWriteDeadline(past) // a writer without deadlines cannot be waiting
	}
	if r.begun.Load() || r.q.Body {
		_ = c.SetReadDeadline(past)
	}
}

// askers is the number of concurrent evaluations. Most take a microsecond, but one may wait for an external service.
const askers = 16

// sweep checks the long requests.
func (w *watch) sweep(ctx context.Context, now time.Time) {
	all := w.endSlow(w.old(now, nil), now)
	if w.still == nil || len(all) == 0 {
		return
	}
	var next atomic.Int64
	var asking sync.WaitGroup
	for range min(askers, len(all)) {
		asking.Go(func() {
			for {
				i := next.Add(1) - 1
				if int(i) >= len(all) || ctx.Err() != nil {
					return
				}
				all[i].ask(ctx)
			}
		})
	}
	asking.Wait()
}

// Run checks the requests until ctx ends.
func (w *watch) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			w.sweep(ctx, now)
		case <-ctx.Done():
			return nil
		}
	}
}
