package store

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
)

// LeaderPosition tell how far a bucket is, in the words of its leader. Those who ask while a question is under
// way share the next one: never an answer to what was asked before they came, which could be older than a
// write that they know of. So however many ask, one question is under way. It is safe for concurrent use.
type LeaderPosition struct {
	ask func(context.Context) (uint64, error)

	mu     sync.Mutex
	asking bool
	next   *positionAnswer // of those who came since the question under way was asked
}

// positionAnswer is one question; revision and err are there once done is closed.
type positionAnswer struct {
	done     chan struct{}
	revision uint64
	err      error
}

func NewLeaderPosition(conn *bus.Conn, bucket string) *LeaderPosition {
	return &LeaderPosition{ask: func(ctx context.Context) (uint64, error) {
		if err := connected(ctx, conn.NATS()); err != nil {
			return 0, err
		}
		at, err := conn.Position(ctx, topology.BucketStream(bucket))
		return at.Last, err
	}}
}

// newest gives a revision that is at least that of every write which was acknowledged before the call.
func (c *LeaderPosition) newest(ctx context.Context) (uint64, error) {
	c.mu.Lock()
	mine := c.next
	if mine == nil {
		mine = &positionAnswer{done: make(chan struct{})}
		c.next = mine
	}
	if !c.asking {
		c.asking = true
		go c.run()
	}
	c.mu.Unlock()
	select {
	case <-mine.done:
		return mine.revision, mine.err
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// run asks for as long as somebody waits. A question is nobody's own: it ends when it is answered or late.
func (c *LeaderPosition) run() {
	for {
		c.mu.Lock()
		now := c.next
		c.next, c.asking = nil, now != nil
		c.mu.Unlock()
		if now == nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), ViewTimeout)
		now.revision, now.err = c.ask(ctx)
		cancel()
		close(now.done)
	}
}

// AwayFor is how long a lost connection may take to come back before who asks is told.
const AwayFor = time.Second

// connected waits until there is a connection, not for long.
func connected(ctx context.Context, nc *nats.Conn) error {
	for waited := time.Duration(0); !nc.IsConnected(); waited += AwayFor / 20 {
		if waited >= AwayFor {
			return nats.ErrDisconnected
		}
		select {
		case <-time.After(AwayFor / 20):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
