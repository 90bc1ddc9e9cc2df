package registry

import (
	"context"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// count adds the marks of all pages to a cursor that is to replace the one of revision fence. Another revision is a
// conflict: the marks would be of other pages.
func (s *Service) count(c *proto.Cursor, fence uint64, a proto.Account,
	changed map[topology.PageNumber]proto.PageMark) error {
	s.index.mu.RLock()
	defer s.index.mu.RUnlock()
	if s.index.fence != fence {
		return bus.ErrConflict
	}
	c.Counted, c.Accounts = true, s.index.marks(a, changed)
	return nil
}

// pass moves the cursor past a command that is not applied. Marks stay as they are.
func (s *Service) pass(ctx context.Context, m *bus.Msg, a proto.CommandAnswer) error {
	if err := s.catchUp(ctx); err != nil {
		return err
	}
	wait, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := s.index.await(wait, s.seen.Load()); err != nil {
		return err
	}
	next, fence := s.passed(m, a)
	if next == nil {
		return nil
	}
	revision, err := s.bus.Put(ctx, topology.Devices, topology.CursorKey, next, fence)
	if err == nil {
		s.seen.Store(revision)
	}
	return err
}

// passed returns the cursor after a command that is not applied, and the revision that it replaces. next is nil if the
// cursor is past the command or cannot be read.
func (s *Service) passed(m *bus.Msg, a proto.CommandAnswer) (next *proto.Cursor, fence uint64) {
	s.index.mu.RLock()
	defer s.index.mu.RUnlock()
	now, storedAt := s.index.cursor, proto.At(m.Time)
	if s.index.lost != nil {
		return nil, 0
	}
	if st := standingOf(&now, m.Seq, storedAt); st != fresh && st != begun {
		return nil, 0
	}
	return &proto.Cursor{Seq: m.Seq, Done: true, Answer: a, StoredAt: storedAt, Counted: now.Counted,
		Accounts: now.Accounts}, s.index.fence
}
