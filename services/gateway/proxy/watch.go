package proxy

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"plumbline.dev/services/gateway/gate"
)

// watch looks once a second at the requests that are under way: it gives up those whose origin thinks for too
// long, and ends those that last and are no longer admitted. A timer for each would be simpler, and with some
// thousand requests a second a tenth of all the work, since the runtime wakes its poller for each. Here the
// requests stand in a list, the oldest first, of which most have left before anybody looks.
type watch struct {
	// limit is how long an origin may think before it begins to answer.
	limit time.Duration
	// still decides again about a request: nil where it is admitted as it was, else what to answer in the
	// origin's place. nil: nobody is asked.
	still func(context.Context, *gate.Request, *gate.Answer) *gate.Answer
	// conns is the number of connections that one origin may have.
	conns int

	mu    sync.Mutex
	first *passage
	last  *passage
}

// lasting is from when on a request is one that lasts: it is decided about again at each look.
const lasting = time.Second

// passage is one request on its way to its origin, and the answer on its way back.
type passage struct {
	of     *watch
	cancel context.CancelCauseFunc
	w      http.ResponseWriter
	q      Request
	since  time.Time

	// informs tells that the client understands informational responses (1xx), which came with HTTP/1.1.
	informs bool
	// with is when the origin had the whole request, in Unix nanoseconds; 0: it has not.
	with atomic.Int64
	// begun is set once the answer has begun, or it is known that there is none.
	begun atomic.Bool
	// refused is what the request was ended with; nil: it was not.
	refused atomic.Pointer[gate.Answer]
	// up and down measure the client: how it sends the body, and takes the response.
	up, down pace

	// Under the lock of the list:
	before, after *passage
	over          bool
	closing       chan struct{} // closed when the sweeper has let go of w; nil while it has not taken hold of it

	// cut is set once the client's connection, or its stream, takes nothing more. To be read behind closing.
	cut bool
}

// errLate is why a request was given up whose origin took too long. It is a net.Error that says so.
type errLate struct{}

func (errLate) Error() string   { return "the origin did not begin to answer in time" }
func (errLate) Timeout() bool   { return true }
func (errLate) Temporary() bool { return true }

// errNoLonger is why a request was ended that is no longer admitted.
type errNoLonger struct{}

func (errNoLonger) Error() string { return "the request is no longer admitted" }

// begin takes a request into the list, which it leaves with [passage.end]. The context is that of the request
// to the origin: it ends when the request is given up.
func (w *watch) begin(ctx context.Context, to http.ResponseWriter, q Request) (context.Context, *passage) {
	ctx, cancel := context.WithCancelCause(ctx)
	r := &passage{of: w, cancel: cancel, w: to, q: q, since: time.Now()}
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

// sent says that the request is with the origin: from now on it takes its time. It may be called from any
// goroutine, after end as well.
func (r *passage) sent() { r.with.CompareAndSwap(0, time.Now().UnixNano()) }

// answered says that the answer has begun, or that there is none.
func (r *passage) answered() { r.begun.Store(true) }

// end takes the request out of the list. Nobody but the caller uses its writer afterwards. It ends the handler
// with [http.ErrAbortHandler] where the request was cut off: its connection is good for no other, which may be
// somebody else's where a proxy is between.
func (r *passage) end() {
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

// old gives the requests that last, and gives up those among them whose origin is late.
func (w *watch) old(now time.Time, all []*passage) []*passage {
	w.mu.Lock()
	defer w.mu.Unlock()
	for r := w.first; r != nil && now.Sub(r.since) >= min(lasting, w.limit); r = r.after {
		if with := r.with.Load(); with != 0 && !r.begun.Load() && now.Sub(time.Unix(0, with)) >= w.limit {
			r.cancel(errLate{})
		}
		all = append(all, r)
	}
	return all
}

// ask decides again about a request that lasts, and ends it if it is no longer admitted.
func (r *passage) ask(ctx context.Context) {
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
func (r *passage) stop(why error) {
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
	// What the origin does is over with that. Its answer, or the client's body, may still wait for a client that
	// takes or sends nothing. Where no answer has begun the refusal is one, and may be written.
	c, past := http.NewResponseController(r.w), time.Unix(1, 0)
	if r.begun.Load() {
		r.cut = true
		_ = c.SetWriteDeadline(past) // a writer without deadlines is one that nobody waits for
	}
	if r.begun.Load() || r.q.Body {
		_ = c.SetReadDeadline(past)
	}
}

// askers is how many requests are decided about at once: most decisions take a microsecond, one that asks an
// external service may wait for it.
const askers = 16

// sweep looks at the requests that last.
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

// Run looks after the requests until ctx ends.
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
