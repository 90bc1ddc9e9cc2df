package bus

import (
	"context"
	"fmt"

	"plumbline.dev/bus/topology"
)

// Backlog is the state of a durable consumer, as its leader reports it.
type Backlog struct {
	Waiting uint64 // messages that are not acknowledged, delivered or not
	Settled uint64 // the consumer's messages up to this sequence of the stream are all acknowledged
	// Delivered is the sequence in the stream of the last message that was delivered.
	Delivered uint64
}

// Backlog returns the state of a durable consumer, or [ErrNoConsumer].
func (c *Conn) Backlog(ctx context.Context, stream, consumer string) (Backlog, error) {
	found, err := c.JetStreamOf(stream).Consumer(ctx, stream, consumer)
	if err != nil {
		return Backlog{}, fmt.Errorf("backlog of %s in %s: %w", consumer, stream, translate(err))
	}
	info := found.CachedInfo()
	return Backlog{Waiting: info.NumPending + uint64(info.NumAckPending), Settled: info.AckFloor.Stream,
		Delivered: info.Delivered.Stream}, nil
}

// PutConsumer creates a durable consumer, or changes the configuration of an existing one.
func (c *Conn) PutConsumer(ctx context.Context, d topology.Durable) error {
	if _, err := c.JetStreamOf(d.Stream).CreateOrUpdateConsumer(ctx, d.Stream, d.Config); err != nil {
		return fmt.Errorf("consumer %s of %s: %w", d.Config.Durable, d.Stream, translate(err))
	}
	return nil
}

// DeleteConsumer deletes a durable consumer, or returns [ErrNoConsumer].
func (c *Conn) DeleteConsumer(ctx context.Context, stream, consumer string) error {
	if err := c.JetStreamOf(stream).DeleteConsumer(ctx, stream, consumer); err != nil {
		return fmt.Errorf("delete consumer %s of %s: %w", consumer, stream, translate(err))
	}
	return nil
}

// Consumers returns the names of a stream's consumers, in no particular order.
func (c *Conn) Consumers(ctx context.Context, stream string) ([]string, error) {
	s, err := c.JetStreamOf(stream).Stream(ctx, stream)
	if err != nil {
		return nil, fmt.Errorf("consumers of %s: %w", stream, translate(err))
	}
	var names []string
	listed := s.ConsumerNames(ctx)
	for name := range listed.Name() {
		names = append(names, name)
	}
	if err := listed.Err(); err != nil {
		return nil, fmt.Errorf("consumers of %s: %w", stream, translate(err))
	}
	return names, nil
}

// ConsumerFilter returns the subject that a consumer is limited to, or [ErrNoConsumer].
func (c *Conn) ConsumerFilter(ctx context.Context, stream, consumer string) (string, error) {
	found, err := c.JetStreamOf(stream).Consumer(ctx, stream, consumer)
	if err != nil {
		return "", fmt.Errorf("consumer %s of %s: %w", consumer, stream, translate(err))
	}
	return found.CachedInfo().Config.FilterSubject, nil
}
