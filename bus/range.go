package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// ErrStop ends the reading without an error if the function passed to [Conn.Range] returns it.
var ErrStop = errors.New("stop reading")

// Range calls apply, in order, with each message of a subject, or of the subjects matching a wildcard, from sequence
// first to last. It uses no consumer and holds a few hundred messages in memory at a time. The stream must allow
// direct gets. Any replica may answer, so the newest messages may be missing: see [Conn.NextAfter].
func (c *Conn) Range(ctx context.Context, stream, subject string, first, last uint64, apply func(*Msg) error) error {
	for first <= last {
		end, err := c.read(ctx, stream, subject, first, int(min(batchMessages, last-first+1)), func(m *Msg) error {
			if m.Seq > last {
				return ErrStop
			}
			return apply(m)
		})
		switch {
		case errors.Is(err, ErrStop):
			return nil
		case err != nil:
			return fmt.Errorf("read %s from %d: %w", stream, first, err)
		case !end.more:
			return nil
		}
		first = end.last + 1
	}
	return nil
}

// First reads the first message of a subject from a sequence on, or returns [ErrNotFound] if there is none up to last.
// The stream must allow direct gets. Any replica may answer.
func (c *Conn) First(ctx context.Context, stream, subject string, first, last uint64) (*Msg, error) {
	var found *Msg
	_, err := c.read(ctx, stream, subject, first, 1, func(m *Msg) error { found = m; return nil })
	if err == nil && (found == nil || found.Seq > last) {
		err = ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("first of %s in %s from %d: %w", subject, stream, first, err)
	}
	return found, nil
}

// FirstSince asks a stream's leader for the sequence of the first matching message stored at or after a time. It
// returns 0 if there is none.
func (c *Conn) FirstSince(ctx context.Context, stream, filter string, at time.Time) (uint64, error) {
	question, err := json.Marshal(struct {
		Time      time.Time `json:"start_time"`
		Next      string    `json:"next_by_subj"`
		NoHeaders bool      `json:"no_hdr"`
	}{at, filter, true})
	if err != nil {
		return 0, err
	}
	seq, err := c.ask(ctx, stream, question)
	if err != nil {
		return 0, fmt.Errorf("first message since %v in %s: %w", at, stream, err)
	}
	return seq, nil
}

// At reads the message with a sequence, or returns [ErrNotFound]. The stream must allow direct gets. Any replica may
// answer.
func (c *Conn) At(ctx context.Context, stream string, seq uint64) (*Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	question, err := json.Marshal(map[string]uint64{"seq": seq})
	if err != nil {
		return nil, err
	}
	r, err := c.nc.RequestWithContext(ctx, directGet+stream, question)
	if err != nil {
		return nil, fmt.Errorf("message %d of %s: %w", seq, stream, err)
	}
	var m *Msg
	if r.Header == nil { // malformed: the leader tells subject and sequence apart from the headers
		m, err = c.leaderMessage(ctx, stream, question)
	} else {
		m, err = fromDirect(r)
	}
	if err == nil && m == nil {
		err = ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("message %d of %s: %w", seq, stream, err)
	}
	m.Stream = stream
	return m, nil
}
