package storecheck

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/evaluator/fold"
)

// newestRead is the number of messages to check at the end of the log at a start. Older ones are read only for
// requests about the history.
const newestRead = 10_000

// readable reads the newest messages of the log and finds the unreadable ones: the server would silently skip them.
func (c *checker) readable(ctx context.Context, log standing) (standing, error) {
	if log.messages == 0 {
		return log, nil
	}
	next := max(log.first, log.last-min(log.last, newestRead))
	var bad []uint64
	skip := func(upTo uint64) {
		for ; next < upTo; next++ {
			if log.holds(next) {
				bad = append(bad, next)
			}
		}
	}
	err := c.conn.Range(ctx, topology.PostureLog, ">", next, log.last, func(m *bus.Msg) error {
		skip(m.Seq)
		next = m.Seq + 1
		return nil
	})
	if err != nil {
		return log, fmt.Errorf("check POSTURE_LOG: %w", err)
	}
	skip(log.last + 1)
	if len(bad) == 0 {
		return log, nil
	}
	newest := strconv.FormatUint(bad[len(bad)-1], 10)
	if known, err := c.conn.Note(ctx, topology.PostureLog, topology.NoteUnreadable); err != nil || known == newest {
		return log, err
	}
	log.unreadable = bad
	log.missing = slices.Sorted(slices.Values(append(log.missing, bad...)))
	return log, nil
}

// noteUnreadable records the result of [checker.readable], after the entries among the messages were written again.
func (c *checker) noteUnreadable(ctx context.Context, log standing) error {
	bad := log.unreadable
	newest := strconv.FormatUint(bad[len(bad)-1], 10)
	if err := c.conn.SetNote(ctx, topology.PostureLog, topology.NoteUnreadable, newest); err != nil {
		return err
	}
	c.report.note("POSTURE_LOG: %d messages cannot be read, the first is %d and the last %s; "+
		"followers that have not seen them take a new state", len(bad), bad[0], newest)
	return nil
}

// newestEntry checks the changes of the log's newest entry: a truncated log may lack some. In this case it writes the
// entry again, with the missing changes.
func (c *checker) newestEntry(ctx context.Context, log standing) error {
	if log.end == 0 {
		return nil
	}
	m, told, err := c.lastBatch(ctx, log.end)
	if err != nil || m == nil {
		return err
	}
	summary, err := proto.ParseSummary(m.Header.Get(proto.HeaderSummary))
	if err != nil {
		return nil //nolint:nilerr // an entry of a writer without a count of changes
	}
	names := 0
	for _, change := range told {
		names += len(change.Devices)
	}
	if names >= summary.Changed {
		return nil
	}
	entry := new(proto.Entry)
	if err := m.Decode(entry); err != nil {
		return nil //nolint:nilerr // reported by the state
	}
	before, err := c.entryBefore(ctx, m.Subject, m.Seq)
	if err != nil {
		return err
	}
	// The state may have a newer entry of the page, cut off from the log as well.
	if newer, err := c.conn.Last(ctx, topology.PostureState, m.Subject); err == nil {
		if e := new(proto.Entry); newer.Decode(e) == nil && e.EvaluatedAt > entry.EvaluatedAt {
			entry = e
		}
	} else if !errors.Is(err, bus.ErrNotFound) {
		return err
	}
	if err := c.commit(ctx, m.Subject, before, entry, told, m.Seq); err != nil {
		return err
	}
	c.report.repaired("POSTURE_LOG was cut off after entry %d, which had %d of its %d changes: "+
		"the entry was written again with those that were missing", m.Seq, names, summary.Changed)
	return nil
}

// lastBatch returns the entry of the batch at the end of the log, and its changes still in the log. The entry is nil
// if the log no longer has it.
func (c *checker) lastBatch(ctx context.Context, end uint64) (entry *bus.Msg, told []fold.Change, err error) {
	for seq := end; seq > 0 && end-seq < topology.MaxBatch; seq-- {
		m, err := c.conn.At(ctx, topology.PostureLog, seq)
		if errors.Is(err, bus.ErrNotFound) {
			return nil, nil, nil
		}
		if err != nil {
			return nil, nil, err
		}
		if _, err := topology.ParsePage(m.Subject); err == nil {
			return m, told, nil
		}
		if _, err := topology.ParseHold(m.Subject); err == nil {
			continue // a notice is no part of a batch
		}
		ref, err := topology.ParseChange(m.Subject)
		if err != nil {
			return nil, nil, nil //nolint:nilerr // a foreign message
		}
		var change proto.Change
		if err := m.Decode(&change); err != nil {
			return nil, nil, nil //nolint:nilerr // reported by its readers
		}
		told = append(told, fold.Change{Check: ref.Check, Outcome: ref.Outcome, Devices: change.Devices})
	}
	return nil, nil, nil
}

// entryBefore returns a page's newest entry before a sequence, or nil if the log has none.
func (c *checker) entryBefore(ctx context.Context, subject string, seq uint64) (*proto.Entry, error) {
	var last *bus.Msg
	err := c.conn.Range(ctx, topology.PostureLog, subject, 1, seq-1, func(m *bus.Msg) error { last = m; return nil })
	if err != nil || last == nil {
		return nil, err
	}
	entry := new(proto.Entry)
	if err := last.Decode(entry); err != nil {
		return nil, nil //nolint:nilerr // treated as missing
	}
	return entry, nil
}

// commit writes an entry to the log with the changes from the previous entry, except those in told.
func (c *checker) commit(ctx context.Context, subject string, before, after *proto.Entry, told []fold.Change,
	expect uint64) error {
	page, err := topology.ParsePage(subject)
	if err != nil {
		return err
	}
	step := fold.Step{Entry: after, Changes: without(fold.Between(before, after), told)}
	batch := []bus.Outgoing{{Subject: subject, Body: after, ExpectLast: bus.Expect(expect),
		Header: after.Headers(step.ChangedByCheck())}}
	for i, change := range step.Changes {
		batch = append(batch, bus.ChangeMsg(&proto.Change{Account: page.Account, Check: change.Check,
			Outcome: change.Outcome, Page: uint32(page.Page), Index: i + 1, Integration: page.Integration, Tick: after.Tick,
			At: after.EvaluatedAt, Devices: change.Devices}))
	}
	_, err = c.conn.Commit(ctx, batch)
	if errors.Is(err, bus.ErrConflict) {
		return nil // an evaluator came first with a newer entry
	}
	if err != nil {
		return fmt.Errorf("write the entry of %s again: %w", subject, err)
	}
	return nil
}

// without returns the changes without the devices named in told for the same check and outcome.
func without(all, told []fold.Change) (out []fold.Change) {
	type key struct {
		check   proto.ID
		outcome proto.Outcome
		device  proto.ID
	}
	known := map[key]bool{}
	for _, change := range told {
		for _, d := range change.Devices {
			known[key{change.Check, change.Outcome, d.Device}] = true
		}
	}
	for _, change := range all {
		var devices []proto.ChangedDevice
		for _, d := range change.Devices {
			if !known[key{change.Check, change.Outcome, d.Device}] {
				devices = append(devices, d)
			}
		}
		if len(devices) > 0 {
			change.Devices = devices
			out = append(out, change)
		}
	}
	return out
}
