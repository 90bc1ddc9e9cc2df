package httpserve

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

// bound limits the connections of a server. Above the limit, the connection that has had no request for the longest
// time is closed: one that never sent a request, does not finish one, or is idle. If all have requests, the new one is.
type bound struct {
	most int
	log  *slog.Logger

	mu    sync.Mutex
	conns map[net.Conn]*bounded
	clock uint64 // counts, so that connections are in an order
	told  bool
}

// bounded is a connection of a bounded server.
type bounded struct {
	since    uint64       // when it began to wait, by the bound's clock
	requests atomic.Int64 // that a handler works on
}

type boundedKey struct{}

// limit makes a server close connections above a number.
func limit(s *http.Server, most int, log *slog.Logger) {
	b := &bound{most: most, log: log, conns: map[net.Conn]*bounded{}}
	handler := s.Handler
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(boundedKey{}).(*bounded); ok {
			c.requests.Add(1)
			defer c.requests.Add(-1)
		}
		handler.ServeHTTP(w, r)
	})
	s.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		b.mu.Lock()
		defer b.mu.Unlock()
		if of := b.conns[c]; of != nil {
			return context.WithValue(ctx, boundedKey{}, of)
		}
		of := &bounded{since: b.next()}
		b.conns[c] = of
		return context.WithValue(ctx, boundedKey{}, of)
	}
	s.ConnState = b.state
}

// next is the next time of the clock. The lock is held.
func (b *bound) next() uint64 { b.clock++; return b.clock }

func (b *bound) state(c net.Conn, state http.ConnState) {
	if state == http.StateActive {
		return // the state at each request, which note ignores
	}
	if over := b.note(c, state); over != nil {
		_ = over.Close()
	}
}

// note notes a state, and returns a connection to close.
func (b *bound) note(c net.Conn, state http.ConnState) (over net.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch state {
	case http.StateNew:
		if b.conns[c] == nil {
			b.conns[c] = &bounded{since: b.next()}
		}
		if len(b.conns) > b.most {
			return b.evict(c)
		}
	case http.StateIdle:
		if of := b.conns[c]; of != nil {
			of.since = b.next()
		}
	case http.StateClosed, http.StateHijacked:
		delete(b.conns, c)
	}
	return nil
}

// evict chooses the connection that is closed for a new one. The lock is held.
func (b *bound) evict(newest net.Conn) net.Conn {
	if !b.told {
		b.told = true
		b.log.Warn("the limit of connections is reached; idle and unfinished ones are closed for new ones", "limit", b.most)
	}
	oldest := newest
	for c, of := range b.conns {
		if of.requests.Load() == 0 && of.since < b.conns[oldest].since {
			oldest = c
		}
	}
	delete(b.conns, oldest)
	return oldest
}
