package keys

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"filippo.io/age"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/singleflight"
	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/clock"
)

const (
	// Trust is how long a key set may be used after its last confirmation. Together with the caching by verifiers it
	// must stay below Lead.
	Trust = 20 * time.Second
	// confirmEvery is the interval between confirmations.
	confirmEvery = 5 * time.Second
	// confirmTimeout is how long a request waits for a confirmation.
	confirmTimeout = 2 * time.Second
)

// ErrNoKey means that a key set cannot be used: it is not complete yet, or can no longer be confirmed.
var ErrNoKey = errors.New("the signing keys are not confirmed")

// KeySet follows and rotates the installation's signing keys. It is safe for concurrent use.
type KeySet struct {
	conn           *bus.Conn
	log            *slog.Logger
	clock          clock.Clock
	identities     []age.Identity
	confirmTimeout time.Duration
	// watch follows the bucket; tests delay updates.
	watch func(ctx context.Context, apply func(bus.Update) error, complete func()) error

	state     atomic.Pointer[state] // written by the watch only
	confirmed atomic.Int64          // Unix nanoseconds; the state contained everything written before
	asking    singleflight.Group
}

// NewKeySet returns an empty key set. [KeySet.Run] loads the keys, and creates them in a new installation. New keys are
// encrypted to all identities; one of them must decrypt each key.
func NewKeySet(conn *bus.Conn, log *slog.Logger, c clock.Clock, identities []age.Identity) *KeySet {
	r := &KeySet{conn: conn, log: log, clock: c, identities: identities, confirmTimeout: confirmTimeout}
	r.watch = func(ctx context.Context, apply func(bus.Update) error, complete func()) error {
		return conn.Watch(ctx, topology.Keys, []string{">"}, apply, complete)
	}
	r.state.Store(newState())
	return r
}

// Run follows the keys and performs due steps until ctx ends. It returns an error if a required key cannot be
// decrypted. It runs once.
func (r *KeySet) Run(ctx context.Context) error {
	if err := r.conn.AwaitTopology(ctx, topology.BucketStream(topology.Keys)); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return r.watch(ctx, r.apply, r.complete) })
	g.Go(func() error { return r.maintain(ctx) })
	return g.Wait()
}

// Current returns the current keys. If the last confirmation is too old, it waits for a new one; the error then wraps
// [ErrNoKey].
func (r *KeySet) Current(ctx context.Context) (*Snapshot, error) {
	if s := r.state.Load(); s.set != nil && r.trusted(r.clock.Now()) {
		return s.set, nil
	}
	asked := r.asking.DoChan("", func() (any, error) { return r.confirm(context.WithoutCancel(ctx)) })
	select {
	case got := <-asked:
		if got.Err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNoKey, got.Err)
		}
		s := got.Val.(*state)
		if s.set == nil {
			return nil, ErrNoKey
		}
		return s.set, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrNoKey, context.Cause(ctx))
	}
}

// Await waits until there is a signing key.
func (r *KeySet) Await(ctx context.Context) (*Snapshot, error) {
	for {
		s := r.state.Load()
		if s.set != nil {
			return s.set, nil
		}
		select {
		case <-s.later:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// Latest returns the last seen keys; nil before there is a key.
func (r *KeySet) Latest() *Snapshot { return r.state.Load().set }

// trusted reports whether the key set may be used without a confirmation.
func (r *KeySet) trusted(now time.Time) bool {
	since := now.Sub(time.Unix(0, r.confirmed.Load()))
	// Overlapping requests may read the clock out of order. A clock that was set back is not tolerated.
	return since > -time.Second && since < Trust
}

// confirm waits until the key set contains everything written before the call, and returns its state.
func (r *KeySet) confirm(ctx context.Context) (*state, error) {
	ctx, cancel := context.WithTimeout(ctx, r.confirmTimeout)
	defer cancel()
	asked := r.clock.Now()
	// The stream's leader answers, so the position is current.
	written, err := r.conn.Extent(ctx, topology.BucketStream(topology.Keys))
	if err != nil {
		return nil, err
	}
	s := r.state.Load()
	for !s.complete || s.revision < written.Last {
		select {
		case <-s.later:
			s = r.state.Load()
		case <-ctx.Done():
			return nil, fmt.Errorf("at revision %d of %d: %w", s.revision, written.Last, context.Cause(ctx))
		}
	}
	r.confirmed.Store(asked.UnixNano())
	return s, nil
}

// complete and apply are called by the watch, one at a time.
func (r *KeySet) complete() {
	n := r.state.Load().next(0)
	n.complete = true
	r.replace(n)
}

func (r *KeySet) apply(u bus.Update) error {
	s := r.state.Load()
	number, err := topology.ParseSigningKeyKey(u.Key)
	switch {
	case err == nil && u.Deleted:
		r.replace(s.without(number, u.Revision))
	case err == nil:
		r.replace(s.with(r.member(s, number, u)))
	case u.Key == topology.RotationKey && u.Deleted:
		r.replace(s.rotated(nil, u.Revision))
	case u.Key == topology.RotationKey:
		record := new(proto.KeyRotation)
		if err := u.Decode(record); err != nil {
			r.conn.Unreadable(topology.BucketStream(topology.Keys), u.Key, u.Revision, err)
			r.replace(s.obscured(err, u.Revision))
			return nil
		}
		r.replace(s.rotated(record, u.Revision))
	default:
		r.conn.Unreadable(topology.BucketStream(topology.Keys), u.Key, u.Revision, err)
		r.replace(s.next(u.Revision))
	}
	return nil
}

// member converts a record to a key. If the record is unreadable, the key stays unchanged.
func (r *KeySet) member(s *state, number uint64, u bus.Update) *member {
	m, old := &member{number: number, revision: u.Revision, arrived: r.clock.Now()}, s.members[number]
	var record proto.SigningKey
	m.err = u.Decode(&record)
	if m.err == nil {
		m.created = record.CreatedAt.Time()
		m.public, m.err = published(&record)
	}
	m.unreadable = m.err != nil
	if m.err == nil {
		m.key, m.err = open(&record, r.identities)
	}
	if m.err != nil {
		m.err = fmt.Errorf("record of signing key %d: %w", number, m.err)
		r.conn.Unreadable(topology.BucketStream(topology.Keys), u.Key, u.Revision, m.err)
		if old != nil && old.key != nil {
			kept := *old
			kept.revision = u.Revision
			return &kept
		}
	}
	if old != nil && old.public != nil && old.public.id == record.KID {
		m.arrived = old.arrived
	}
	return m
}

func (r *KeySet) replace(n *state) {
	old := r.state.Swap(n.settle())
	close(old.later)
}
