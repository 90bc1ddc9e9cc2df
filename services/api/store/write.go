package store

import (
	"context"
	"errors"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Every change of a bucket goes through here, and so every change is in the audit log: what it is to be told is
// stored together with the change, or neither is.

// Write is one key's part in a write.
type Write struct {
	Key    string
	Expect uint64        // its revision; 0 where there must be nothing
	After  proto.Message // nil: the key is deleted
	// to, where it is set, is the key that after is stored under, which must be free; key itself is deleted.
	MoveTo string
	// claim is a key that holds nothing and is nobody's business: see [topology.KindClaim].
	Reservation bool
}

// Put stores a resource whose revision must still be expect. The error of a lost race is [v4.ErrConflict].
func (s *Store) Put(ctx context.Context, a proto.Account, kind topology.Kind, id proto.ID, m proto.Message, expect uint64) (uint64, error) {
	return s.Commit(ctx, a, topology.Config, ConfigWrite(a, kind, id, m, expect))
}

func ConfigWrite(a proto.Account, kind topology.Kind, id proto.ID, m proto.Message, expect uint64) Write {
	return Write{Key: topology.ConfigKey(a, kind, id), Expect: expect, After: m}
}

// Remove deletes a resource whose revision must still be expect.
func (s *Store) Remove(ctx context.Context, a proto.Account, kind topology.Kind, id proto.ID, expect uint64) error {
	_, err := s.Commit(ctx, a, topology.Config, ConfigWrite(a, kind, id, nil, expect))
	return err
}

// PutToken stores a token, a service's or one of this API, whose revision must still be expect.
func (s *Store) PutToken(ctx context.Context, a proto.Account, key string, m proto.Message, expect uint64) (uint64, error) {
	return s.Commit(ctx, a, topology.Tokens, Write{Key: key, Expect: expect, After: m})
}

// MoveToken stores a token under another key, in place of the one whose revision must still be expect.
func (s *Store) MoveToken(ctx context.Context, a proto.Account, from, to string, m proto.Message, expect uint64) error {
	_, err := s.Commit(ctx, a, topology.Tokens, Write{Key: from, MoveTo: to, Expect: expect, After: m})
	return err
}

// RemoveToken deletes a token whose revision must still be expect.
func (s *Store) RemoveToken(ctx context.Context, a proto.Account, key string, expect uint64) error {
	_, err := s.Commit(ctx, a, topology.Tokens, Write{Key: key, Expect: expect})
	return err
}

// Commit changes keys of one bucket, all of them or none, and gives the revision of the last. A client that leaves
// does not stop it half way.
func (s *Store) Commit(ctx context.Context, a proto.Account, bucket string, keys ...Write) (uint64, error) {
	ctx = context.WithoutCancel(ctx)
	if err := s.Relay.room(); err != nil {
		return 0, err
	}
	var events []*proto.AuditEvent
	for _, k := range keys {
		before, err := s.replaced(ctx, bucket, k)
		if err != nil {
			return 0, err
		}
		if e := s.event(ctx, a, bucket, k, before); e != nil {
			events = append(events, e)
		}
	}
	all := OutboxMessages(a, bucket, events)
	told := len(all)
	for _, k := range keys {
		all = append(all, k.messages(bucket)...)
	}
	if len(all) > topology.MaxBatch {
		return 0, &limitError{len(all)}
	}
	first, err := s.Conn.Commit(ctx, all)
	if errors.Is(err, bus.ErrConflict) && s.reborn(ctx, all[told:], events) {
		first, err = s.Conn.Commit(ctx, all)
	}
	if err != nil {
		return 0, err
	}
	s.Relay.record(ctx, topology.BucketStream(bucket), a, events)
	return first + uint64(len(all)) - 1, nil
}

// messages are what changes a key.
func (k *Write) messages(bucket string) []bus.Outgoing {
	switch {
	case k.MoveTo != "":
		return []bus.Outgoing{bus.DeleteMsg(bucket, k.Key, k.Expect), bus.PutMsg(bucket, k.MoveTo, k.After, 0)}
	case k.After == nil && !k.Reservation:
		return []bus.Outgoing{bus.DeleteMsg(bucket, k.Key, k.Expect)}
	}
	return []bus.Outgoing{bus.PutMsg(bucket, k.Key, k.After, k.Expect)}
}

// reborn looks, of keys that must be free and are not, whether they are there as deletions: then these are what
// to expect, and what the events say that was replaced.
func (s *Store) reborn(ctx context.Context, all []bus.Outgoing, events []*proto.AuditEvent) (found bool) {
	for n := range all {
		if *all[n].ExpectLast != 0 {
			continue
		}
		m, err := s.Conn.Last(ctx, bucketStreamOf(all[n].Subject), all[n].Subject)
		if err == nil && m.Deleted() {
			all[n].ExpectLast, found = bus.Expect(m.Seq), true
			replaces(events, all[n].Subject, m.Seq)
		}
	}
	return found
}

func bucketStreamOf(subject string) string {
	for _, bucket := range []string{topology.Config, topology.Tokens} {
		if _, err := topology.KeyOf(bucket, subject); err == nil {
			return topology.BucketStream(bucket)
		}
	}
	return ""
}

// Bounds of waiting until a replica of a bucket that is behind has a revision that its leader gave out.
const (
	ReplicaTries = 50
	ReplicaWait  = 20 * time.Millisecond
)

// replaced reads what a write replaces; nil where there is nothing. A write that will lose its race anyway
// has nothing to tell.
func (s *Store) replaced(ctx context.Context, bucket string, k Write) (proto.Message, error) {
	if k.Expect == 0 || k.Reservation {
		return nil, nil
	}
	for range ReplicaTries {
		m, err := s.Conn.Last(ctx, topology.BucketStream(bucket), topology.BucketSubject(bucket, k.Key))
		switch {
		case err != nil && !errors.Is(err, bus.ErrNotFound):
			return nil, err
		case err == nil && m.Seq > k.Expect, err == nil && m.Seq == k.Expect && m.Deleted():
			return nil, bus.ErrConflict
		case err == nil && m.Seq == k.Expect:
			into := s.recordOf(k.Key)
			if into == nil {
				return nil, nil
			}
			if err := proto.Unmarshal(m.Data, into); err != nil {
				s.Log.Warn("what is replaced cannot be read: the audit log will not show it", "key", k.Key, "err", err)
				return nil, nil
			}
			return into, nil
		}
		select {
		case <-time.After(ReplicaWait):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	// The leader decides: it refuses a revision that there never was.
	s.Log.Warn("what is replaced is not there: the audit log will not show it", "key", k.Key, "revision", k.Expect)
	return nil, nil
}
