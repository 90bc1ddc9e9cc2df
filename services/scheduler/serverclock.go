package scheduler

import (
	"context"
	"sync"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/services/internal/clock"
)

// ServerTime asks the server for its time, as used for stored messages.
type ServerTime func(ctx context.Context) (time.Time, error)

// streamTime returns the time in an answer of the leader of POSTURE_TICKS.
func streamTime(c *bus.Conn) ServerTime {
	return func(ctx context.Context) (time.Time, error) {
		ticks, err := c.Extent(ctx, topology.PostureTicks)
		return ticks.At, err
	}
}

// serverClock returns the server's time without asking each time: from the last answer, and the time since. It runs
// behind the server by the delay of the answer, never ahead. It is safe for concurrent use.
type serverClock struct {
	ask   ServerTime
	local clock.Clock

	mu      sync.Mutex
	server  time.Time // the last answer
	arrived time.Time // when it came, by the local clock
}

// askAgain is how old an answer may become. The local clock, should it be set, misleads for no longer.
const askAgain = time.Second

// refresh asks anew if the answer is old, or the local clock was set back, and returns how far the local
// clock is ahead of the server's.
func (c *serverClock) refresh(ctx context.Context) (ahead time.Duration, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if since := c.local.Now().Sub(c.arrived); c.arrived.IsZero() || since < 0 || since > askAgain {
		server, err := c.ask(ctx)
		if err != nil {
			return 0, err
		}
		c.server, c.arrived = server, c.local.Now()
	}
	return c.arrived.Round(0).Sub(c.server.Round(0)), nil
}

// now is the server's time.
func (c *serverClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.server.Add(c.local.Now().Sub(c.arrived))
}
