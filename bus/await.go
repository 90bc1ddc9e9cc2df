package bus

import (
	"context"
	"time"
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
		if err == nil || ctx.Err() != nil || !(Transient(err) || unsettled(err)) || c.nc.IsClosed() {
			return err
		}
		if !told {
			told = true
			c.log.Warn("JetStream is not available yet, waiting", "for", what, "err", err)
		}
		sleep(ctx, awaitEvery)
	}
}
