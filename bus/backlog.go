package bus

import (
	"context"
	"fmt"
)

// Backlog is the state of a durable consumer, as its leader reports it.
type Backlog struct {
	Waiting uint64 // messages that are not acknowledged, delivered or not
	Settled uint64 // the consumer's messages up to this sequence of the stream are all acknowledged
}

// Backlog returns the state of a durable consumer.
func (c *Conn) Backlog(ctx context.Context, stream, consumer string) (Backlog, error) {
	found, err := c.JetStreamOf(stream).Consumer(ctx, stream, consumer)
	if err != nil {
		return Backlog{}, fmt.Errorf("backlog of %s in %s: %w", consumer, stream, translate(err))
	}
	info := found.CachedInfo()
	return Backlog{Waiting: info.NumPending + uint64(info.NumAckPending), Settled: info.AckFloor.Stream}, nil
}
