package storecheck

import (
	"context"
	"fmt"

	"plumbline.dev/bus/provision"
	"plumbline.dev/bus/topology"
)

// ticks ensures that the next tick is newer than the ticks of the entries: a poll for an older tick is ignored. Lost
// ticks need no repair: the scheduler creates one for each integration without a tick.
func (c *checker) ticks(ctx context.Context) error {
	ticks, err := c.standing(ctx, topology.PostureTicks)
	if err != nil || c.newest.tick <= ticks.last {
		return err
	}
	if err := provision.Replace(ctx, c.conn, c.options, topology.PostureTicks, c.newest.tick+1); err != nil {
		return fmt.Errorf("make POSTURE_TICKS anew: %w", err)
	}
	c.report.repaired("POSTURE_TICKS ended at %d, and results are of tick %d: it was made anew, and goes on from there",
		ticks.last, c.newest.tick)
	return nil
}
