package storecheck

import (
	"context"
	"errors"
	"fmt"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/provision"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// seen returns the newest revision of a bucket named by entries or consumers. The argument is the newest one named by
// entries.
func (c *checker) seen(ctx context.Context, bucket string, entries uint64) (uint64, error) {
	stream := topology.BucketStream(bucket)
	for _, d := range topology.Durables() {
		if d.Stream != stream {
			continue
		}
		consumer, err := c.conn.Backlog(ctx, stream, d.Config.Durable)
		if errors.Is(err, bus.ErrNoConsumer) {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("check %s: %w", bucket, err)
		}
		entries = max(entries, consumer.Delivered)
	}
	return entries, nil
}

// endLost reports a bucket ending before a revision named elsewhere. named states that its losses were reported
// already.
func (c *checker) endLost(ctx context.Context, bucket string, seen uint64, named bool) error {
	at, err := c.standing(ctx, topology.BucketStream(bucket))
	if err != nil || at.last >= seen || named {
		return err
	}
	c.lost(fmt.Sprintf("%s ends at revision %d, and revisions up to %d were in use: what was written last is lost",
		bucket, at.last, seen),
		func(ctx context.Context) error { return c.advance(ctx, bucket, seen) })
	return nil
}

// fillAtOnce is the number of messages to write at once when advancing a bucket.
const fillAtOnce = 1000

// advance makes the next revision of a bucket higher than every revision named elsewhere. Results refer to the
// revisions they were computed from, and these must not decrease.
func (c *checker) advance(ctx context.Context, bucket string, seen uint64) error {
	stream := topology.BucketStream(bucket)
	at, err := c.standing(ctx, stream)
	if err != nil || at.last >= seen {
		return err
	}
	if at.messages == 0 {
		if err := provision.Replace(ctx, c.conn, c.options, stream, seen+1); err != nil {
			return fmt.Errorf("make %s anew: %w", bucket, err)
		}
		return nil
	}
	filler, err := c.filler(ctx, bucket)
	if err != nil {
		return err
	}
	c.log.Warn("the bucket's revisions are advanced", "bucket", bucket, "from", at.last, "to", seen)
	for left := seen - at.last; left > 0; {
		n := min(left, fillAtOnce)
		batch := make([]bus.Outgoing, n)
		for i := range batch {
			batch[i] = filler
		}
		if err := errors.Join(c.conn.PublishAll(ctx, batch)...); err != nil {
			return fmt.Errorf("advance %s: %w", bucket, err)
		}
		left -= n
	}
	return nil
}

// filler returns a message without effect.
func (c *checker) filler(ctx context.Context, bucket string) (bus.Outgoing, error) {
	if bucket != topology.Devices {
		return bus.Outgoing{Subject: topology.Outbox(bucket, proto.Account{}, proto.ID{}), Body: &proto.AuditOutbox{},
			TTL: time.Second}, nil
	}
	cursor, _, err := c.cursor(ctx)
	if cursor == nil {
		cursor = new(proto.Cursor)
	}
	return bus.Outgoing{Subject: topology.BucketSubject(bucket, topology.CursorKey), Body: cursor}, err
}
