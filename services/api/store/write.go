package store

import (
	"context"
	"errors"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
)

// Every change of a bucket is a [Write] and is in the audit log: its events are stored in one batch with it, or neither
// is.

// Write is the change of one key.
type Write struct {
	Key   string
	Prior Prior
	After proto.Message // nil: the key is deleted
	// MoveTo, if not empty, is the key to store After under; it must be free. Key itself is deleted.
	MoveTo string
	// Reservation marks a key without a value; it is not audited. See [topology.KindReservation].
	Reservation bool
	// Told, if not nil, is the change in the audit log, in place of the one of the key's record.
	Told *Change
}

// Prior is the state that a write replaces. The key must still be at Revision; 0 means that it must not exist. Record
// is shown in the audit log; if it is nil and Revision is not 0, the store reads it.
type Prior struct {
	Record   proto.Message
	Revision uint64
}

// PriorOf returns a record of a view as the prior of a write.
func PriorOf[T any, M interface {
	*T
	proto.Message
}](r catalog.Record[T]) Prior {
	if r.Value == nil || r.Unreadable {
		return Prior{Revision: r.Revision}
	}
	return Prior{M(r.Value), r.Revision}
}

// Put stores a resource in CONFIG. The error of a lost race is [bus.ErrConflict].
func (s *Store) Put(ctx context.Context, a proto.Account, kind topology.Kind, id proto.ID, m proto.Message,
	prior Prior) (uint64, error) {
	return s.Commit(ctx, a, topology.Config, ConfigWrite(a, kind, id, m, prior))
}

// ConfigWrite returns the write of a resource in CONFIG; m is nil if it is deleted.
func ConfigWrite(a proto.Account, kind topology.Kind, id proto.ID, m proto.Message, prior Prior) Write {
	return Write{Key: topology.ConfigKey(a, kind, id), Prior: prior, After: m}
}

// Remove deletes a resource.
func (s *Store) Remove(ctx context.Context, a proto.Account, kind topology.Kind, id proto.ID, prior Prior) error {
	_, err := s.Commit(ctx, a, topology.Config, ConfigWrite(a, kind, id, nil, prior))
	return err
}

// PutToken stores a service token or an API token.
func (s *Store) PutToken(ctx context.Context, a proto.Account, key string, m proto.Message,
	prior Prior) (uint64, error) {
	return s.Commit(ctx, a, topology.Tokens, Write{Key: key, Prior: prior, After: m})
}

// MoveToken stores a token under another key, in place of the one that is there.
func (s *Store) MoveToken(ctx context.Context, a proto.Account, from, to string, m proto.Message, prior Prior) error {
	_, err := s.Commit(ctx, a, topology.Tokens, Write{Key: from, MoveTo: to, Prior: prior, After: m})
	return err
}

// RemoveToken deletes a token.
func (s *Store) RemoveToken(ctx context.Context, a proto.Account, key string, prior Prior) error {
	_, err := s.Commit(ctx, a, topology.Tokens, Write{Key: key, Prior: prior})
	return err
}

// Commit changes keys of one bucket, all of them or none, and returns the revision of the last. It continues if the
// client leaves.
func (s *Store) Commit(ctx context.Context, a proto.Account, bucket string, keys ...Write) (uint64, error) {
	ctx = context.WithoutCancel(ctx)
	if err := s.relay.room(); err != nil {
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
	return first + uint64(len(all)) - 1, nil
}

// messages returns the messages that change a key.
func (k *Write) messages(bucket string) []bus.Outgoing {
	switch {
	case k.MoveTo != "":
		return []bus.Outgoing{bus.DeleteMsg(bucket, k.Key, k.Prior.Revision), bus.PutMsg(bucket, k.MoveTo, k.After, 0)}
	case k.After == nil && !k.Reservation:
		return []bus.Outgoing{bus.DeleteMsg(bucket, k.Key, k.Prior.Revision)}
	}
	return []bus.Outgoing{bus.PutMsg(bucket, k.Key, k.After, k.Prior.Revision)}
}

// reborn finds keys that a write expects to be new but that were deleted before. The write must then expect the
// revision of the deletion, and the events must name it.
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
	for _, bucket := range []string{topology.Config, topology.Tokens, topology.Holds} {
		if _, err := topology.KeyOf(bucket, subject); err == nil {
			return topology.BucketStream(bucket)
		}
	}
	return ""
}

// Bounds of the wait for a replica of a bucket that lags behind its leader.
const (
	ReplicaTries = 50
	ReplicaWait  = 20 * time.Millisecond
)

// replaced returns the record that a write replaces, or nil if there is none. It reads the record from the bucket if
// the caller does not have it. It returns [bus.ErrConflict] if the write would lose its race anyway.
func (s *Store) replaced(ctx context.Context, bucket string, k Write) (proto.Message, error) {
	if k.Prior.Revision == 0 || k.Reservation {
		return nil, nil
	}
	if k.Prior.Record != nil {
		return k.Prior.Record, nil // the leader rejects it if it is outdated
	}
	for range ReplicaTries {
		m, err := s.Conn.Last(ctx, topology.BucketStream(bucket), topology.BucketSubject(bucket, k.Key))
		switch {
		case err != nil && !errors.Is(err, bus.ErrNotFound):
			return nil, err
		case err == nil && m.Seq > k.Prior.Revision, err == nil && m.Seq == k.Prior.Revision && m.Deleted():
			return nil, bus.ErrConflict
		case err == nil && m.Seq == k.Prior.Revision:
			into := s.recordOf(bucket, k.Key)
			if into == nil {
				return nil, nil
			}
			if err := proto.Unmarshal(m.Data, into); err != nil {
				s.Log.Warn("replaced record is unreadable: the audit log will not show it", "key", k.Key, "err", err)
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
	// Let the leader decide: it rejects a revision that never existed.
	s.Log.Warn("replaced record not found: the audit log will not show it", "key", k.Key, "revision", k.Prior.Revision)
	return nil, nil
}
