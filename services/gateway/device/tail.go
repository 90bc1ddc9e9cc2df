package device

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"plumbline.dev/bus"
)

// tail reads a stream that keeps the newest message of each subject, from its beginning and then for ever.
// It goes on where it was after whatever interrupts it: of a subject that was written several times
// meanwhile it gets the newest.
type tail struct {
	bus.Tail
	seen     atomic.Uint64 // how far the view has come
	caughtUp chan struct{} // closed once everything is there that was there at first
}

// newTail makes a tail; apply takes a message and returns how far the view has come by it.
func newTail(conn *bus.Conn, stream, filter string, apply func(*bus.Msg) (seen uint64)) *tail {
	t := &tail{caughtUp: make(chan struct{})}
	t.Tail = bus.Tail{Conn: conn, Stream: stream, Filters: []string{filter}, Current: sync.OnceFunc(func() { close(t.caughtUp) }),
		Apply: func(m *bus.Msg) error {
			t.seen.Store(max(t.seen.Load(), apply(m)))
			return nil
		}}
	return t
}

func (t *tail) await(ctx context.Context) error {
	select {
	case <-t.caughtUp:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the view of %s is not complete yet: %w", t.Stream, context.Cause(ctx))
	}
}
