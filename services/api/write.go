package api

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

// keyed is one key's part in a write.
type keyed struct {
	key    string
	expect uint64        // its revision; 0 where there must be nothing
	after  proto.Message // nil: the key is deleted
	// to, where it is set, is the key that after is stored under, which must be free; key itself is deleted.
	to string
	// claim is a key that holds nothing and is nobody's business: see [topology.KindClaim].
	claim bool
}

// put stores a resource whose revision must still be expect. The error of a lost race is [errConflict].
func (s *Service) put(ctx context.Context, a proto.Account, kind topology.Kind, id proto.ID, m proto.Message, expect uint64) (uint64, error) {
	return s.write(ctx, a, topology.Config, put(a, kind, id, m, expect))
}

func put(a proto.Account, kind topology.Kind, id proto.ID, m proto.Message, expect uint64) keyed {
	return keyed{key: topology.ConfigKey(a, kind, id), expect: expect, after: m}
}

// remove deletes a resource whose revision must still be expect.
func (s *Service) remove(ctx context.Context, a proto.Account, kind topology.Kind, id proto.ID, expect uint64) error {
	_, err := s.write(ctx, a, topology.Config, put(a, kind, id, nil, expect))
	return err
}

// putToken stores a token, a service's or one of this API, whose revision must still be expect.
func (s *Service) putToken(ctx context.Context, a proto.Account, key string, m proto.Message, expect uint64) (uint64, error) {
	return s.write(ctx, a, topology.Tokens, keyed{key: key, expect: expect, after: m})
}

// moveToken stores a token under another key, in place of the one whose revision must still be expect.
func (s *Service) moveToken(ctx context.Context, a proto.Account, from, to string, m proto.Message, expect uint64) error {
	_, err := s.write(ctx, a, topology.Tokens, keyed{key: from, to: to, expect: expect, after: m})
	return err
}

// removeToken deletes a token whose revision must still be expect.
func (s *Service) removeToken(ctx context.Context, a proto.Account, key string, expect uint64) error {
	_, err := s.write(ctx, a, topology.Tokens, keyed{key: key, expect: expect})
	return err
}

// write changes keys of one bucket, all of them or none, and gives the revision of the last. A client that leaves
// does not stop it half way.
func (s *Service) write(ctx context.Context, a proto.Account, bucket string, keys ...keyed) (uint64, error) {
	ctx = context.WithoutCancel(ctx)
	if err := s.trail.room(); err != nil {
		return 0, err
	}
	var events []*proto.AuditEvent
	for _, k := range keys {
		before, err := s.replaced(ctx, bucket, k)
		if err != nil {
			return 0, err
		}
		if e := s.event(ctx, a, k, before); e != nil {
			events = append(events, e)
		}
	}
	all := outbox(a, bucket, events)
	told := len(all)
	for _, k := range keys {
		all = append(all, k.messages(bucket)...)
	}
	if len(all) > topology.MaxBatch {
		return 0, invalid("this would change %d things at once, at most %d can be: send less in one request", len(all), topology.MaxBatch)
	}
	first, err := s.conn.Commit(ctx, all)
	if errors.Is(err, bus.ErrConflict) && s.reborn(ctx, all[told:]) {
		first, err = s.conn.Commit(ctx, all)
	}
	if err != nil {
		return 0, err
	}
	s.trail.record(ctx, topology.BucketStream(bucket), a, events)
	return first + uint64(len(all)) - 1, nil
}

// messages are what changes a key.
func (k *keyed) messages(bucket string) []bus.Outgoing {
	switch {
	case k.to != "":
		return []bus.Outgoing{bus.DeleteMsg(bucket, k.key, k.expect), bus.PutMsg(bucket, k.to, k.after, 0)}
	case k.after == nil && !k.claim:
		return []bus.Outgoing{bus.DeleteMsg(bucket, k.key, k.expect)}
	}
	return []bus.Outgoing{bus.PutMsg(bucket, k.key, k.after, k.expect)}
}

// reborn looks, of keys that must be free and are not, whether they are there as deletions: then these are what
// to expect.
func (s *Service) reborn(ctx context.Context, all []bus.Outgoing) (found bool) {
	for n := range all {
		if *all[n].ExpectLast != 0 {
			continue
		}
		m, err := s.conn.Last(ctx, bucketStreamOf(all[n].Subject), all[n].Subject)
		if err == nil && m.Deleted() {
			all[n].ExpectLast, found = bus.Expect(m.Seq), true
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
	behindTries = 50
	behindWait  = 20 * time.Millisecond
)

// replaced reads what a write replaces; nil where there is nothing. A write that will lose its race anyway
// has nothing to tell.
func (s *Service) replaced(ctx context.Context, bucket string, k keyed) (proto.Message, error) {
	if k.expect == 0 || k.claim {
		return nil, nil
	}
	for range behindTries {
		m, err := s.conn.Last(ctx, topology.BucketStream(bucket), topology.BucketSubject(bucket, k.key))
		switch {
		case err != nil && !errors.Is(err, bus.ErrNotFound):
			return nil, err
		case err == nil && m.Seq > k.expect, err == nil && m.Seq == k.expect && m.Deleted():
			return nil, bus.ErrConflict
		case err == nil && m.Seq == k.expect:
			into := recordOf(k.key)
			if into == nil {
				return nil, nil
			}
			if err := proto.Unmarshal(m.Data, into); err != nil {
				s.log.Warn("what is replaced cannot be read: the audit log will not show it", "key", k.key, "err", err)
				return nil, nil
			}
			return into, nil
		}
		select {
		case <-time.After(behindWait):
		case <-s.ending:
			return nil, errEnding
		}
	}
	// The leader decides: it refuses a revision that there never was.
	s.log.Warn("what is replaced is not there: the audit log will not show it", "key", k.key, "revision", k.expect)
	return nil, nil
}
