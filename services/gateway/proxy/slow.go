package proxy

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync/atomic"
	"time"
)

// A request occupies a connection to its origin until its client has sent the body and received the response. A
// client may lag behind a rate of minRate bytes per second by at most maxLag. If the requests to one origin that lag
// by over pressureLag use more than half of its connections, the slowest are ended, so that slow clients leave half
// of the connections to others.
const (
	minRate     = 1 << 10
	maxLag      = time.Minute
	pressureLag = 5 * time.Second
)

// pace measures how long one direction of a request has waited for its client.
type pace struct {
	since  atomic.Int64 // the start of the current wait, in Unix nanoseconds; 0: none
	waited atomic.Int64 // the duration of past waits, in nanoseconds
	bytes  atomic.Int64
}

func (p *pace) begin() { p.since.Store(time.Now().UnixNano()) }

func (p *pace) end(n int) {
	p.waited.Add(time.Now().UnixNano() - p.since.Swap(0))
	p.bytes.Add(int64(n))
}

// behind returns how much longer the client took than minRate allows.
func (p *pace) behind(now time.Time) time.Duration {
	waited := p.waited.Load()
	if since := p.since.Load(); since != 0 {
		waited += now.UnixNano() - since
	}
	allowed := time.Duration(min(p.bytes.Load()/minRate, 1<<32)) * time.Second
	return time.Duration(waited) - allowed
}

// behind returns the lag of the request's client. Once the response has begun, the request body is ignored: it may be
// a stream with long pauses.
func (r *transfer) behind(now time.Time) time.Duration {
	if r.begun.Load() {
		return r.down.behind(now)
	}
	return r.up.behind(now)
}

// host returns the scheme and host of the origin. Connections are counted per host.
func (r *transfer) host() string {
	u, err := url.Parse(r.q.Answer.App.Value.OriginURL)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// errSlow is the cause for ending a request with a slow client.
type errSlow struct{}

func (errSlow) Error() string { return "the client sends or takes too slowly" }

// endSlow ends requests with slow clients, and returns the others.
func (w *watch) endSlow(all []*transfer, now time.Time) []*transfer {
	slow := map[string][]*transfer{}
	all = slices.DeleteFunc(all, func(r *transfer) bool {
		switch behind := r.behind(now); {
		case behind > maxLag:
			r.stop(errSlow{})
			return true
		case behind > pressureLag:
			slow[r.host()] = append(slow[r.host()], r)
		}
		return false
	})
	for _, of := range slow {
		excess := len(of) - max(w.conns/2, 1)
		if excess <= 0 {
			continue
		}
		slices.SortFunc(of, func(a, b *transfer) int { return int(b.behind(now) - a.behind(now)) })
		for _, r := range of[:excess] {
			r.stop(errSlow{})
		}
	}
	return all
}

// clientBody measures the body of a client's request.
type clientBody struct {
	io.ReadCloser
	up *pace
}

func (b clientBody) Read(p []byte) (int, error) {
	b.up.begin()
	n, err := b.ReadCloser.Read(p)
	b.up.end(n)
	return n, err
}

// clientWriter measures the response to a client.
type clientWriter struct {
	http.ResponseWriter
	down *pace
}

func (w clientWriter) Write(p []byte) (int, error) {
	w.down.begin()
	n, err := w.ResponseWriter.Write(p)
	w.down.end(n)
	return n, err
}

// FlushError writes buffered data. [http.ResponseController] calls it.
func (w clientWriter) FlushError() error {
	w.down.begin()
	defer w.down.end(0)
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap lets [http.ResponseController] find the other methods.
func (w clientWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
