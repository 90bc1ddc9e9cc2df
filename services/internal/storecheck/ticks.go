package storecheck

import (
	"context"
	"fmt"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
)

// ticks makes sure that the next tick is newer than those of the entries: a poll of an older tick counts for
// nothing. Ticks themselves can be spared: the scheduler makes one for each integration that has none.
func (c *checker) ticks(ctx context.Context) error {
	ticks, err := c.standing(ctx, topology.PostureTicks)
	if err != nil || c.newest.tick <= ticks.last {
		return err
	}
	if err := c.conn.JetStream().DeleteStream(ctx, topology.PostureTicks); err != nil {
		return fmt.Errorf("make POSTURE_TICKS anew: %w", err)
	}
	if err := bus.Recreate(ctx, c.conn, c.options, topology.PostureTicks, c.newest.tick+1); err != nil {
		return fmt.Errorf("make POSTURE_TICKS anew: %w", err)
	}
	c.report.repaired("POSTURE_TICKS ended at %d, and results are of tick %d: it was made anew, and goes on from there",
		ticks.last, c.newest.tick)
	return nil
}
