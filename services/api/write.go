package api

import (
	"context"
	"errors"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Every change of a bucket goes through here, and so every change is in the audit log.

// put stores a resource whose revision must still be expect. The error of a lost race is [errConflict].
func (s *Service) put(ctx context.Context, a proto.Account, kind topology.Kind, id proto.ID, m proto.Message, expect uint64) (uint64, error) {
	key := topology.ConfigKey(a, kind, id)
	return s.write(ctx, write{a, topology.Config, key, expect, m, func(ctx context.Context) (uint64, error) {
		return s.conn.Put(ctx, topology.Config, key, m, expect)
	}})
}

// remove deletes a resource whose revision must still be expect.
func (s *Service) remove(ctx context.Context, a proto.Account, kind topology.Kind, id proto.ID, expect uint64) error {
	return s.delete(ctx, a, topology.Config, topology.ConfigKey(a, kind, id), expect)
}

// putToken stores a token, a service's or one of this API, whose revision must still be expect.
func (s *Service) putToken(ctx context.Context, a proto.Account, key string, m proto.Message, expect uint64) (uint64, error) {
	return s.write(ctx, write{a, topology.Tokens, key, expect, m, func(ctx context.Context) (uint64, error) {
		return s.conn.Put(ctx, topology.Tokens, key, m, expect)
	}})
}

// moveToken stores a token under another key, in place of the one whose revision must still be expect.
func (s *Service) moveToken(ctx context.Context, a proto.Account, from, to string, m proto.Message, expect uint64) error {
	_, err := s.write(ctx, write{a, topology.Tokens, from, expect, m, func(ctx context.Context) (uint64, error) {
		return s.conn.Commit(ctx, []bus.Outgoing{bus.PutMsg(topology.Tokens, to, m, 0), bus.DeleteMsg(topology.Tokens, from, expect)})
	}})
	return err
}

// removeToken deletes a token whose revision must still be expect.
func (s *Service) removeToken(ctx context.Context, a proto.Account, key string, expect uint64) error {
	return s.delete(ctx, a, topology.Tokens, key, expect)
}

func (s *Service) delete(ctx context.Context, a proto.Account, bucket, key string, expect uint64) error {
	_, err := s.write(ctx, write{a, bucket, key, expect, nil, func(ctx context.Context) (uint64, error) {
		return 0, s.conn.Delete(ctx, bucket, key, expect)
	}})
	return err
}

// write is one change of a key.
type write struct {
	account     proto.Account
	bucket, key string
	expect      uint64
	after       proto.Message // nil: the key is deleted
	do          func(context.Context) (uint64, error)
}

// write makes a change and records it. A client that leaves does not stop it half way: it is made or it is
// not, and it is recorded if it is made.
func (s *Service) write(ctx context.Context, w write) (uint64, error) {
	ctx = context.WithoutCancel(ctx)
	if err := s.trail.room(); err != nil {
		return 0, err
	}
	before, err := s.replaced(ctx, w)
	if err != nil {
		return 0, err
	}
	revision, err := w.do(ctx)
	if errors.Is(err, bus.ErrConflict) {
		return 0, err
	}
	event := s.event(ctx, w, before)
	switch {
	case event == nil:
	case err == nil:
		s.trail.record(ctx, w.account, event)
	default: // nobody knows whether it was stored
		s.trail.settle(w, event)
	}
	return revision, err
}

// Bounds of waiting until a replica of a bucket that is behind has a revision that its leader gave out.
const (
	behindTries = 50
	behindWait  = 20 * time.Millisecond
)

// replaced reads what a write replaces; nil where there is nothing. A write that will lose its race anyway
// has nothing to tell.
func (s *Service) replaced(ctx context.Context, w write) (proto.Message, error) {
	if w.expect == 0 {
		return nil, nil
	}
	for range behindTries {
		m, err := s.conn.Last(ctx, topology.BucketStream(w.bucket), topology.BucketSubject(w.bucket, w.key))
		switch {
		case err != nil && !errors.Is(err, bus.ErrNotFound):
			return nil, err
		case err == nil && m.Seq > w.expect, err == nil && m.Seq == w.expect && m.Deleted():
			return nil, bus.ErrConflict
		case err == nil && m.Seq == w.expect:
			into := recordOf(w.key)
			if into == nil {
				return nil, nil
			}
			if err := proto.Unmarshal(m.Data, into); err != nil {
				s.log.Warn("what is replaced cannot be read: the audit log will not show it", "key", w.key, "err", err)
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
	s.log.Warn("what is replaced is not there: the audit log will not show it", "key", w.key, "revision", w.expect)
	return nil, nil
}
