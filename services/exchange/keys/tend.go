package keys

import (
	"context"
	"errors"
	"fmt"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/services/internal/seal"
)

// retryWait is the delay before a failed step is retried, for example while NATS is away.
const retryWait = 500 * time.Millisecond

// maintain performs due steps until ctx ends or the key set is broken. It acts on a confirmed state, and every write
// expects the revision it replaces, so it never undoes another replica's step.
func (r *KeySet) maintain(ctx context.Context) error {
	failing := false
	for {
		s, err := r.confirm(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case s != nil && s.broken != nil:
			return s.broken
		}
		now := r.clock.Now()
		var todo step
		wake := now.Add(confirmEvery)
		if err == nil {
			var at time.Time
			if todo, at = plan(s, now); at.Before(wake) {
				wake = at
			}
			if !todo.none() {
				err = r.do(ctx, s, todo)
			}
		}
		lost := errors.Is(err, bus.ErrConflict) // to another replica
		if err != nil && !lost && !failing && ctx.Err() == nil {
			r.log.Warn("signing key rotation failed, retrying", "err", err)
		}
		failing = err != nil && !lost
		switch {
		case err != nil:
			pause(ctx, retryWait)
		case !todo.none():
			// The write returns through the watch, and further steps may be due.
		default:
			alarm := r.clock.After(wake.Sub(now))
			if !r.clock.Now().Before(wake) {
				continue // the clock moved before the timer was set
			}
			select {
			case <-s.later:
			case <-alarm:
			case <-ctx.Done():
			}
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// do performs a step; it returns [bus.ErrConflict] if another replica was faster.
func (r *KeySet) do(ctx context.Context, s *state, todo step) error {
	switch {
	case todo.create != 0:
		return r.create(ctx, todo.create)
	case todo.write != nil:
		if _, err := r.conn.Put(ctx, topology.Keys, topology.RotationKey, todo.write, s.rotationRevision); err != nil {
			return err
		}
		switch {
		case s.rotation == nil:
			r.log.Info("signing key rotation started", "number", todo.write.Current)
		case s.rotation.Current != todo.write.Current:
			r.log.Info("signing key rotated", "number", todo.write.Current, "kid", s.members[todo.write.Current].public.id,
				"still_accepted", len(todo.write.Previous))
		}
		return nil
	default:
		if err := r.conn.Delete(ctx, topology.Keys, topology.SigningKeyKey(todo.remove),
			s.members[todo.remove].revision); err != nil {
			return err
		}
		r.log.Info("expired signing key deleted", "number", todo.remove)
		return nil
	}
}

// create creates a key and its record.
func (r *KeySet) create(ctx context.Context, number uint64) error {
	to, err := seal.RecipientsOf(r.identities)
	if err != nil {
		return fmt.Errorf("signing key: %w", err)
	}
	record, err := generate(r.clock.Now(), to)
	if err != nil {
		return err
	}
	if _, err := r.conn.Put(ctx, topology.Keys, topology.SigningKeyKey(number), record, 0); err != nil {
		return err
	}
	r.log.Info("signing key created", "number", number, "kid", record.KID)
	return nil
}
