package provision

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
)

// Recreate creates a missing stream and its durable consumers. The first message of the stream gets the sequence
// first or a later one: other streams refer to positions in this stream, so they must not be reused.
func Recreate(ctx context.Context, c *bus.Conn, o topology.Options, stream string, first uint64) error {
	p := newProvisioner(c)
	for _, cfg := range topology.Streams(o) {
		if cfg.Name != stream {
			continue
		}
		cfg.FirstSeq = first
		if err := p.provisionStream(ctx, cfg, p.createStream); err != nil {
			return fmt.Errorf("stream %s: %w", stream, err)
		}
	}
	for _, d := range topology.Durables() {
		if d.Stream != stream {
			continue
		}
		if _, err := p.JetStreamOf(d.Stream).CreateOrUpdateConsumer(ctx, d.Stream, d.Config); err != nil {
			return fmt.Errorf("consumer %s on %s: %w", d.Config.Durable, d.Stream, err)
		}
	}
	return nil
}

// Replace deletes a stream with its messages, if it exists, and creates it again like [Recreate].
func Replace(ctx context.Context, c *bus.Conn, o topology.Options, stream string, first uint64) error {
	err := c.JetStreamOf(stream).DeleteStream(ctx, stream)
	if err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("delete stream %s: %w", stream, err)
	}
	return Recreate(ctx, c, o, stream, first)
}

// firstSequence returns the initial sequence of a missing stream; 0 means 1. A lost log continues after its entries
// in POSTURE_STATE and their changes.
func (p *provisioner) firstSequence(ctx context.Context, stream string) (uint64, error) {
	if stream != topology.PostureLog {
		return 0, nil
	}
	state, err := p.JetStream().Stream(ctx, topology.PostureState)
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
	m, err := p.At(ctx, topology.PostureState, last.LastSeq)
	if errors.Is(err, bus.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	seq, err := bus.LogSequence(m)
	if err != nil {
		return 0, err
	}
	p.log.Warn("POSTURE_LOG is lost: a new log continues after the newest entry of POSTURE_STATE", "after", seq)
	return seq + topology.MaxBatch + 1, nil
}
