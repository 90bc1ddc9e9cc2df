package store

import (
	"context"
	"errors"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Bounds of a reader's wait for the relay. The relay needs a few milliseconds.
const (
	relayedWait = time.Second
	firstAsk    = time.Millisecond // between the first two questions; each pause doubles
	lastAsk     = 50 * time.Millisecond
)

// AwaitRelayed waits until the audit log holds the events of every change of an account that was acknowledged before
// the call, at this replica or another one, for at most [relayedWait]. It reports whether the log does; it does not
// wait if the log cannot be written.
func (s *Store) AwaitRelayed(ctx context.Context, a proto.Account) bool {
	if s.relay.waits() {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, relayedWait)
	defer cancel()
	for _, bucket := range []string{topology.Config, topology.Tokens, topology.Holds} {
		if s.relay.awaitChanges(ctx, bucket, a) != nil {
			return false
		}
	}
	return s.relay.awaitActions(ctx, a) == nil
}

// awaitChanges waits for the newest change of a bucket.
func (t *relay) awaitChanges(ctx context.Context, bucket string, a proto.Account) error {
	stream := topology.BucketStream(bucket)
	newest, err := t.conn.LeaderLast(ctx, stream, topology.OutboxesOf(bucket, a))
	if errors.Is(err, bus.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return poll(ctx, func() (bool, error) {
		b, err := t.conn.Backlog(ctx, stream, topology.ConsumerAudit)
		return b.Settled >= newest.Seq, err
	})
}

// awaitActions waits for the actions that are over. Their messages are deleted once their events are published.
func (t *relay) awaitActions(ctx context.Context, a proto.Account) error {
	subjects := topology.ActionOutboxesOf(a)
	newest, err := t.conn.LeaderLast(ctx, topology.AuditOutbox, subjects)
	if errors.Is(err, bus.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	under := uint64(0) // no message up to this sequence belongs to an action that is over
	return poll(ctx, func() (bool, error) {
		for under < newest.Seq {
			m, err := t.conn.LeaderNext(ctx, topology.AuditOutbox, subjects, under)
			if errors.Is(err, bus.ErrNotFound) {
				return true, nil
			}
			if err != nil {
				return false, err
			}
			var body proto.AuditOutbox
			if m.Seq <= newest.Seq && m.Decode(&body) == nil && !body.Begun {
				return false, nil
			}
			under = m.Seq
		}
		return true, nil
	})
}

// poll asks until the answer is yes.
func poll(ctx context.Context, ask func() (bool, error)) error {
	for pause := firstAsk; ; pause = min(2*pause, lastAsk) {
		if done, err := ask(); done || err != nil {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
