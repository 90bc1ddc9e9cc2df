package store

import (
	"context"
	"sync"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
)

// LeaderPosition asks the leader of a bucket for its last sequence. Callers that arrive while a request is in flight
// share the next one, since the answer to a request from before their call could be older than a write they know of. So
// at most one request is in flight. It is safe for concurrent use.
type LeaderPosition struct {
	ask func(context.Context) (uint64, error)
	// after returns the first revision of the bucket after another one, or 0 if there is none.
	after func(ctx context.Context, revision uint64) (uint64, error)

	mu     sync.Mutex
	asking bool
	next   *positionAnswer // for callers that arrived since the last request was sent
}

// positionAnswer is the answer to one request; revision and err are set once done is closed.
type positionAnswer struct {
	done     chan struct{}
	revision uint64
	err      error
}

// NewLeaderPosition returns the position of a bucket's leader.
func NewLeaderPosition(conn *bus.Conn, bucket string) *LeaderPosition {
	return &LeaderPosition{ask: func(ctx context.Context) (uint64, error) {
		if err := connected(ctx, conn); err != nil {
			return 0, err
		}
		at, err := conn.Position(ctx, topology.BucketStream(bucket))
		return at.Last, err
	}, after: func(ctx context.Context, revision uint64) (uint64, error) {
		return conn.NextAfter(ctx, topology.BucketStream(bucket), topology.BucketSubject(bucket, ">"), revision)
	}}
}

// usualDelay is how long a view may take before the leader is asked what the view lacks.
const usualDelay = 100 * time.Millisecond

// reached waits until the view has seen everything in the bucket up to a revision. The newest message of the bucket's
// stream may belong to the audit log's outbox, which is in the same stream and which no view sees.
func (c *LeaderPosition) reached(ctx context.Context, v follower, revision uint64) error {
	short, cancel := context.WithTimeout(ctx, usualDelay)
	defer cancel()
	if v.AwaitRevision(short, revision) == nil {
		return nil
	}
	for {
		next, err := c.after(ctx, v.Revision())
		if err != nil || next == 0 || next > revision {
			return err
		}
		if err := v.AwaitRevision(ctx, next); err != nil {
			return err
		}
	}
}

// newest returns a revision that is at least that of every write acknowledged before the call.
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

// run sends requests as long as callers wait. A request belongs to no caller: it ends with an answer or a timeout.
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

// awayFor is how long a lost connection may take to come back before callers get an error.
const awayFor = time.Second

// connected waits up to [awayFor] for a connection.
func connected(ctx context.Context, conn *bus.Conn) error {
	for waited := time.Duration(0); !conn.Connected(); waited += awayFor / 20 {
		if waited >= awayFor {
			return bus.ErrDisconnected
		}
		select {
		case <-time.After(awayFor / 20):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
