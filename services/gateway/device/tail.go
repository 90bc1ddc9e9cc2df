package device

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"plumbline.dev/bus"
)

// tail reads a stream with one message per subject, from its beginning and then indefinitely. After an interruption
// it continues, and gets only the newest message of each subject.
type tail struct {
	bus.Tail
	seen     atomic.Uint64 // the position of the view
	caughtUp chan struct{} // closed when the initial messages have been read
}

// newTail returns a tail of a stream, which copies origin unless that is empty. apply processes a message and returns
// the view's new position.
func newTail(conn *bus.Conn, stream, origin, filter string, apply func(*bus.Msg) (seen uint64)) *tail {
	t := &tail{caughtUp: make(chan struct{})}
	t.Tail = bus.Tail{Conn: conn, Stream: stream, Origin: origin, Filters: []string{filter},
		Current: sync.OnceFunc(func() { close(t.caughtUp) }),
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
