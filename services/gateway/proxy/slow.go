package proxy

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync/atomic"
	"time"
)

// A request keeps one of its origin's connections until its client has sent the body and taken the response. A
// client may be behind a rate of minRate bytes per second by patience. Of the requests to one origin that are behind
// by pressed, those that exceed half of its connections are ended, the furthest behind first: slow clients leave the
// other half to everybody else.
const (
	minRate  = 1 << 10
	patience = time.Minute
	pressed  = 5 * time.Second
)

// pace measures the time that one direction of a request has waited for its client.
type pace struct {
	since  atomic.Int64 // the wait that goes on, in Unix nanoseconds; 0: none
	waited atomic.Int64 // nanoseconds, in the waits that are over
	bytes  atomic.Int64
}

func (p *pace) begin() { p.since.Store(time.Now().UnixNano()) }

func (p *pace) end(n int) {
	p.waited.Add(time.Now().UnixNano() - p.since.Swap(0))
	p.bytes.Add(int64(n))
}

// behind is how much longer the client took than minRate allows.
func (p *pace) behind(now time.Time) time.Duration {
	waited := p.waited.Load()
	if since := p.since.Load(); since != 0 {
		waited += now.UnixNano() - since
	}
	allowed := time.Duration(min(p.bytes.Load()/minRate, 1<<32)) * time.Second
	return time.Duration(waited) - allowed
}

// behind is how far the client of a request is behind. Once the response has begun, the rest of the body does not
// count: it may be a stream that is quiet for long.
func (r *passage) behind(now time.Time) time.Duration {
	if r.begun.Load() {
		return r.down.behind(now)
	}
	return r.up.behind(now)
}

// host is the scheme and the host of the origin, whose connections are counted.
func (r *passage) host() string {
	u, err := url.Parse(r.q.Answer.App.Value.OriginURL)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// errSlow is why a request was ended whose client is too slow.
type errSlow struct{}

func (errSlow) Error() string { return "the client sends or takes too slowly" }

// endSlow ends requests whose clients are too slow, and returns the others.
func (w *watch) endSlow(all []*passage, now time.Time) []*passage {
	slow := map[string][]*passage{}
	all = slices.DeleteFunc(all, func(r *passage) bool {
		switch behind := r.behind(now); {
		case behind > patience:
			r.stop(errSlow{})
			return true
		case behind > pressed:
			slow[r.host()] = append(slow[r.host()], r)
		}
		return false
	})
	for _, of := range slow {
		excess := len(of) - max(w.conns/2, 1)
		if excess <= 0 {
			continue
		}
		slices.SortFunc(of, func(a, b *passage) int { return int(b.behind(now) - a.behind(now)) })
		for _, r := range of[:excess] {
			r.stop(errSlow{})
		}
	}
	return all
}

// clientBody is the body of a client's request.
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

// clientWriter is what the response is written to.
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

// FlushError writes what is buffered; it is called by [http.ResponseController].
func (w clientWriter) FlushError() error {
	w.down.begin()
	defer w.down.end(0)
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap lets [http.ResponseController] find the other methods.
func (w clientWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
