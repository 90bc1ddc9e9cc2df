package storecheck

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/provision"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// posture compares POSTURE_LOG with POSTURE_STATE, its derived stream.
func (c *checker) posture(ctx context.Context) error {
	log, err := c.standing(ctx, topology.PostureLog)
	if err != nil {
		return err
	}
	if log, err = c.readable(ctx, log); err != nil {
		return err
	}
	if err := c.newestEntry(ctx, log); err != nil {
		return err
	}
	behind, err := c.stateSettles(ctx)
	if err != nil {
		return err
	}
	ahead, err := c.stateAhead(ctx, log)
	if err != nil {
		return err
	}
	if gap := len(log.missing) - len(log.unreadable); gap > 0 {
		c.report.note("POSTURE_LOG: %d messages between %d and %d cannot be read; "+
			"followers that have not seen them take a new state",
			gap, log.first, log.last)
	}
	if !ahead && !behind && len(log.unreadable) == 0 {
		return nil
	}
	again, err := c.writeAgain(ctx, log)
	if err != nil {
		return err
	}
	if len(log.unreadable) > 0 {
		if err := c.noteUnreadable(ctx, log); err != nil {
			return err
		}
	}
	if !ahead && !behind {
		if again > 0 {
			c.report.repaired("POSTURE_LOG: %d entries that cannot be read were written again", again)
		}
		return nil
	}
	if err := c.rebuildState(ctx); err != nil {
		return err
	}
	c.report.repaired("POSTURE_STATE did not agree with POSTURE_LOG, one of them was rolled back, lost or damaged: "+
		"%d entries were written to the log again, and the state was rebuilt from it", again)
	return nil
}

// stateAhead reports whether the state holds an entry missing from its position in the log.
func (c *checker) stateAhead(ctx context.Context, log standing) (bool, error) {
	state, err := c.standing(ctx, topology.PostureState)
	if err != nil || state.messages == 0 {
		return false, err
	}
	m, err := c.conn.At(ctx, topology.PostureState, state.last)
	if errors.Is(err, bus.ErrNotFound) {
		return true, nil // the newest entry of a page is never deleted
	}
	if err != nil {
		return false, err
	}
	seq, err := bus.LogSequence(m)
	if err != nil {
		return false, err
	}
	same, err := c.inLog(ctx, log, m, seq)
	return !same, err
}

// inLog reports whether the log has an entry of the state at its position, or had it and deleted it by retention.
func (c *checker) inLog(ctx context.Context, log standing, m *bus.Msg, seq uint64) (bool, error) {
	switch {
	case seq > log.last:
		return false, nil
	case seq < log.first:
		return true, nil
	}
	got, err := c.conn.At(ctx, topology.PostureLog, seq)
	if errors.Is(err, bus.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return got.Subject == m.Subject && bytes.Equal(got.Data, m.Data), nil
}

// settle is how long the state may take to catch up with the log: the server fills it in the background.
const settle = 10 * time.Second

// stateSettles waits until the state has an entry for each page with a readable entry in the log. It returns behind =
// true if the state does not catch up in time.
func (c *checker) stateSettles(ctx context.Context) (behind bool, err error) {
	unread, err := c.unread(ctx, topology.PostureState, topology.AllLogs,
		func(m *bus.Msg) error { c.newest.see(m); return nil })
	if err != nil || len(unread) > 0 {
		return len(unread) > 0, err
	}
	for end := time.Now().Add(settle); ; {
		pages, err := c.conn.Subjects(ctx, topology.PostureLog, topology.AllLogs)
		if err != nil {
			return false, err
		}
		have, err := c.conn.Subjects(ctx, topology.PostureState, topology.AllLogs)
		if err != nil {
			return false, err
		}
		missing := 0
		for subject := range pages {
			if _, ok := have[subject]; !ok {
				missing++
			}
		}
		if missing == 0 {
			return false, nil
		}
		if time.Now().After(end) {
			return true, nil
		}
		if err := pause(ctx); err != nil {
			return false, err
		}
	}
}

// writeAgain writes entries found only in the state to the log. Each is written with the changes from the page's
// previous entry in the log.
func (c *checker) writeAgain(ctx context.Context, log standing) (written int, err error) {
	err = c.conn.Range(ctx, topology.PostureState, topology.AllLogs, 1, everything, func(m *bus.Msg) error {
		seq, err := bus.LogSequence(m)
		if err != nil {
			return err
		}
		if _, bad := slices.BinarySearch(log.unreadable, seq); bad {
			return c.replace(ctx, m, seq, &written)
		}
		last, err := c.conn.Last(ctx, topology.PostureLog, m.Subject)
		if err != nil && !errors.Is(err, bus.ErrNotFound) {
			return err
		}
		var before *proto.Entry
		expect := uint64(0)
		if err == nil {
			if log.holds(seq) && last.Seq >= seq {
				if same, err := c.inLog(ctx, log, m, seq); err != nil || same {
					return err // the log has it, or a newer one
				}
			}
			expect, before = last.Seq, new(proto.Entry)
			if err := last.Decode(before); err != nil {
				before = nil
			}
		}
		after := new(proto.Entry)
		if err := m.Decode(after); err != nil {
			c.log.Error("an entry of the state cannot be read and is left out", "subject", m.Subject, "err", err)
			return nil
		}
		if before != nil && before.EvaluatedAt >= after.EvaluatedAt {
			return nil
		}
		written++
		return c.commit(ctx, m.Subject, before, after, nil, expect)
	})
	if err != nil {
		return written, fmt.Errorf("write entries to the log again: %w", err)
	}
	return written, nil
}

// replace rewrites an entry with an unreadable copy in the log.
func (c *checker) replace(ctx context.Context, m *bus.Msg, seq uint64, written *int) error {
	before, err := c.entryBefore(ctx, m.Subject, seq)
	if err != nil {
		return err
	}
	after := new(proto.Entry)
	if err := m.Decode(after); err != nil {
		return nil //nolint:nilerr // nothing can be made of it
	}
	*written++
	return c.commit(ctx, m.Subject, before, after, nil, seq)
}

// rebuildState recreates POSTURE_STATE and waits until it is filled. Its sequences continue, so readers by sequence
// find the next message.
func (c *checker) rebuildState(ctx context.Context) error {
	state, err := c.standing(ctx, topology.PostureState)
	if err != nil {
		return err
	}
	if err := provision.Replace(ctx, c.conn, c.options, topology.PostureState, state.last+1); err != nil {
		return fmt.Errorf("rebuild POSTURE_STATE: %w", err)
	}
	for {
		behind, err := c.stateSettles(ctx)
		if err != nil || !behind {
			return err
		}
		c.log.Warn("POSTURE_STATE is being rebuilt from POSTURE_LOG")
	}
}

func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(50 * time.Millisecond):
		return nil
	}
}
