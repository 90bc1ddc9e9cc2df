package bus

import (
	"context"
	"fmt"
	"time"

	"plumbline.dev/bus/internal/wait"
	"plumbline.dev/bus/servererr"
)

// awaitEvery is the interval between the attempts of [Conn.Await].
const awaitEvery = 500 * time.Millisecond

// Await calls do, every [awaitEvery], until it succeeds, fails for a reason other than the bus, or ctx ends:
// JetStream may become available long after its server accepts connections. The log entry names the operation by
// what.
func (c *Conn) Await(ctx context.Context, what string, do func(context.Context) error) error {
	for told := false; ; {
		attempt, cancel := context.WithTimeout(ctx, publishTimeout)
		err := do(attempt)
		cancel()
		if err == nil || ctx.Err() != nil || !(Transient(err) || servererr.IsUnsettled(err)) || c.nc.IsClosed() {
			return err
		}
		if !told {
			told = true
			c.log.Warn("JetStream is not available yet, waiting", "for", what, "err", err)
		}
		wait.For(ctx, awaitEvery)
	}
}

// AwaitTopology waits until package provision has created the given streams, so services can start in any order.
func (c *Conn) AwaitTopology(ctx context.Context, streams ...string) error {
	for _, name := range streams {
		for told := false; ; {
			attempt, cancel := context.WithTimeout(ctx, requestTimeout)
			_, err := c.JetStreamOf(name).Stream(attempt, name)
			cancel()
			if err == nil {
				break
			}
			if !told {
				c.log.Info("waiting for a stream to be provisioned", "stream", name, "err", err)
				told = true
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("stream %s: %w", name, context.Cause(ctx))
			case <-time.After(250 * time.Millisecond):
			}
		}
	}
	return nil
}
