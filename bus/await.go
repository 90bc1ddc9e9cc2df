package bus

import (
	"context"
	"time"
)

// awaitEvery is how often something that the bus could not answer is tried again.
const awaitEvery = 500 * time.Millisecond

// Await calls do until it succeeds, fails for another reason than the bus, or ctx ends: JetStream may answer long
// after its server accepts connections. what names it in the log.
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
			c.log.Warn("JetStream does not answer yet, waiting", "for", what, "err", err)
		}
		sleep(ctx, awaitEvery)
	}
}
