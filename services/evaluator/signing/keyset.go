package signing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync/atomic"
	"time"

	"filippo.io/age"
	"golang.org/x/sync/errgroup"
	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/proto/entrysign"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/seal"
)

// KeySet follows and rotates the installation's keys for entries. It is safe for concurrent use.
type KeySet struct {
	conn       *bus.Conn
	log        *slog.Logger
	clock      clock.Clock
	identities []age.Identity
	state      atomic.Pointer[state] // written by the watch only
}

// NewKeySet returns an empty key set. [KeySet.Run] loads the keys, and creates the first one in a new installation.
// New keys are encrypted to all identities; one of them must decrypt the newest key.
func NewKeySet(conn *bus.Conn, log *slog.Logger, c clock.Clock, identities []age.Identity) *KeySet {
	k := &KeySet{conn: conn, log: log, clock: c, identities: identities}
	k.state.Store(&state{members: map[uint64]*member{}, later: make(chan struct{})})
	return k
}

// Run follows the keys and performs due steps until ctx ends. It returns an error if the newest key cannot be
// decrypted. It runs once.
func (k *KeySet) Run(ctx context.Context) error {
	if err := k.conn.AwaitTopology(ctx, topology.BucketStream(topology.EntryKeys)); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return k.conn.Watch(ctx, topology.EntryKeys, []string{topology.AllEntryKeyKeys}, k.apply, k.complete)
	})
	g.Go(func() error { return k.maintain(ctx) })
	return g.Wait()
}

// Signer returns the signing key, or an error before there is one.
func (k *KeySet) Signer() (*entrysign.Signer, error) {
	if s := k.state.Load().signer(); s != nil {
		return s, nil
	}
	return nil, errors.New("there is no key to sign entries with yet")
}

// Await waits until there is a signing key.
func (k *KeySet) Await(ctx context.Context) error {
	for {
		s := k.state.Load()
		if s.signer() != nil {
			return nil
		}
		select {
		case <-s.later:
		case <-ctx.Done():
			return fmt.Errorf("keys for entries: %w", context.Cause(ctx))
		}
	}
}

// complete and apply are called by the watch, one at a time.
func (k *KeySet) complete() { k.replace(func(s *state) { s.complete = true }) }

func (k *KeySet) apply(u bus.Update) error {
	number, err := topology.ParseEntryKeyKey(u.Key)
	if err != nil {
		k.conn.Unreadable(topology.BucketStream(topology.EntryKeys), u.Key, u.Revision, err)
		return nil
	}
	m := &member{revision: u.Revision}
	if !u.Deleted {
		var record proto.EntryKey
		if m.err = u.Decode(&record); m.err == nil {
			m.key, m.err = open(&record, k.identities)
		}
		if m.err != nil {
			m.err, m.foreign = fmt.Errorf("record %d: %w", number, m.err), errors.Is(m.err, seal.ErrNotForUs)
			k.conn.Unreadable(topology.BucketStream(topology.EntryKeys), u.Key, u.Revision, m.err)
			if old := k.state.Load().members[number]; old != nil {
				m.key = old.key // a key stays in use whatever is written over it
			}
		}
	}
	k.replace(func(s *state) { s.members[number] = m })
	return nil
}

func (k *KeySet) replace(change func(*state)) {
	old := k.state.Load()
	n := &state{members: maps.Clone(old.members), complete: old.complete, later: make(chan struct{})}
	change(n)
	k.state.Store(n)
	close(old.later)
}

const (
	retryWait = 500 * time.Millisecond // before a failed step is retried
	lookEvery = 10 * time.Minute       // for due steps
)

// maintain performs due steps until ctx ends or the key set is broken.
func (k *KeySet) maintain(ctx context.Context) error {
	failing := false
	for {
		s := k.state.Load()
		var err error
		wait := k.clock.After(lookEvery)
		if s.complete {
			if err := s.broken(); err != nil {
				return err
			}
			err = k.do(ctx, s, plan(s, k.clock.Now(), false))
		}
		lost := errors.Is(err, bus.ErrConflict) // to another replica
		if err != nil && !lost && !failing && ctx.Err() == nil {
			k.log.Warn("rotation of keys for entries failed, retrying", "err", err)
		}
		if failing = err != nil && !lost; failing {
			wait = clock.System.After(retryWait)
		}
		select {
		case <-s.later:
		case <-wait:
		case <-ctx.Done():
			return nil
		}
	}
}

// do performs a step. The error is [bus.ErrConflict] if another replica was faster.
func (k *KeySet) do(ctx context.Context, s *state, todo step) error {
	if todo == (step{}) {
		return nil
	}
	to, err := seal.RecipientsOf(k.identities)
	if err != nil {
		return fmt.Errorf("key for entries: %w", err)
	}
	number, expect, what := todo.create, uint64(0), "key for entries created"
	var record *proto.EntryKey
	if number != 0 {
		record, err = generate(k.clock.Now(), to)
	} else {
		number, what = todo.retire, "key for entries retired"
		expect = s.members[number].revision
		record, err = s.members[number].key.retire(k.clock.Now(), to)
	}
	if err != nil {
		return err
	}
	if _, err := k.conn.Put(ctx, topology.EntryKeys, topology.EntryKeyKey(number), record, expect); err != nil {
		return err
	}
	k.log.Info(what, "number", number, "kid", record.KID)
	return nil
}

// Endpoint returns the endpoint for requests of the public keys.
func (k *KeySet) Endpoint() bus.Endpoint {
	return bus.Endpoint{Subject: topology.EntryKeysAsked, Role: topology.Evaluator, Workers: 2,
		Handle: func(context.Context, *bus.Msg) proto.Message {
			s := k.state.Load()
			if !s.complete {
				return unavailable()
			}
			document, err := json.Marshal(s.document())
			if err != nil {
				return unavailable()
			}
			return &proto.EntryKeysAnswer{Keys: document}
		},
		Refuse: func(error) proto.Message { return unavailable() }}
}

func unavailable() proto.Message {
	return &proto.EntryKeysAnswer{Error: &proto.Error{Code: "unavailable",
		Message: "The public keys of entries are not available now. Try again in a second."}}
}
