package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus/topology"
)

// Recreate makes a stream that is not there, with its durable consumers, whose first message gets the sequence
// first or a later one. Positions in a stream order what other streams hold: they must not begin again.
func Recreate(ctx context.Context, c *Conn, o topology.Options, stream string, first uint64) error {
	for _, cfg := range topology.Streams(o) {
		if cfg.Name != stream {
			continue
		}
		cfg.FirstSeq = first
		if err := c.provisionStream(ctx, cfg, c.createStream); err != nil {
			return fmt.Errorf("stream %s: %w", stream, err)
		}
	}
	for _, d := range topology.Durables() {
		if d.Stream != stream {
			continue
		}
		if _, err := c.JetStreamOf(d.Stream).CreateOrUpdateConsumer(ctx, d.Stream, d.Config); err != nil {
			return fmt.Errorf("consumer %s on %s: %w", d.Config.Durable, d.Stream, err)
		}
	}
	return nil
}

// firstSequence is the sequence that a stream which is not there begins with; 0: at 1. A log that was lost goes on after the entries that POSTURE_STATE still has of it, and after their changes.
func (c *Conn) firstSequence(ctx context.Context, stream string) (uint64, error) {
	if stream != topology.PostureLog {
		return 0, nil
	}
	state, err := c.js.Stream(ctx, topology.PostureState)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	last := state.CachedInfo().State
	if last.Msgs == 0 {
		return 0, nil
	}
	m, err := c.At(ctx, topology.PostureState, last.LastSeq)
	if errors.Is(err, ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	seq, err := LogSequence(m)
	if err != nil {
		return 0, err
	}
	c.log.Warn("POSTURE_LOG is lost: a new log goes on after the newest entry of POSTURE_STATE", "after", seq)
	return seq + topology.MaxBatch + 1, nil
}
