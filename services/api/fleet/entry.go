package fleet

import (
	"context"
	"errors"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/store"
)

// replicaPause is the wait before a lagging replica is asked again.
const replicaPause = 5 * time.Millisecond

// entries reads the newest entries of pages.
type entries struct {
	last       func(ctx context.Context, stream, subject string) (*bus.Msg, error)
	unreadable func(stream, subject string, seq uint64, err error)
}

// newest returns the newest entry of a page and its sequence in the log. The page has an entry at the sequence seen. If
// a replica lags behind it, another may answer the next attempt. After [store.MaxAttempts] the result is the older
// entry with its own sequence. An entry that does not exist or cannot be read is empty.
func (e *entries) newest(ctx context.Context, ref topology.PageRef, seen uint64) (*proto.Entry, uint64, error) {
	for attempt := 1; ; attempt++ {
		m, seq, err := e.read(ctx, ref, seen)
		if err != nil {
			return nil, 0, err
		}
		if seq < seen && attempt < store.MaxAttempts {
			select {
			case <-time.After(replicaPause):
				continue
			case <-ctx.Done():
				return nil, 0, context.Cause(ctx)
			}
		}
		entry := new(proto.Entry)
		if m == nil {
			return entry, seen, nil
		}
		if err := m.Decode(entry); err != nil {
			e.unreadable(m.Stream, m.Subject, m.Seq, err)
			entry = new(proto.Entry)
		}
		return entry, seq, nil
	}
}

// read returns the newest message of a page, from the log or else from the state, and its sequence in the log. The
// message is nil if there is none. A message that does not tell its sequence is taken for the one seen.
func (e *entries) read(ctx context.Context, ref topology.PageRef, seen uint64) (*bus.Msg, uint64, error) {
	m, err := e.last(ctx, topology.PostureLog, topology.Log(ref))
	if errors.Is(err, bus.ErrNotFound) {
		m, err = e.last(ctx, topology.PostureState, topology.Log(ref))
	}
	if errors.Is(err, bus.ErrNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	seq := m.Seq
	if m.Stream == topology.PostureState {
		if seq, err = bus.LogSequence(m); err != nil {
			seq = 0
		}
	}
	if seq == 0 {
		seq = seen
	}
	return m, seq, nil
}
