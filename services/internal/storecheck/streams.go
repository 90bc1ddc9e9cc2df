package storecheck

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus"
)

// standing is the status of a stream reported by the server.
type standing struct {
	first, last uint64
	messages    uint64
	// end is the newest sequence with a message, or 0 if there is none.
	end uint64
	// missing are the sequences between first and last without a message.
	missing []uint64
	// unreadable are the missing ones with a message according to the server.
	unreadable []uint64
}

func (c *checker) standing(ctx context.Context, stream string) (standing, error) {
	s, err := c.conn.JetStreamOf(stream).Stream(ctx, stream)
	if err != nil {
		return standing{}, fmt.Errorf("check %s: %w", stream, err)
	}
	info := s.CachedInfo()
	if info.State.NumDeleted > 0 {
		if info, err = s.Info(ctx, jetstream.WithDeletedDetails(true)); err != nil {
			return standing{}, fmt.Errorf("check %s: %w", stream, err)
		}
	}
	return standingOf(info.State), nil
}

func standingOf(s jetstream.StreamState) standing {
	st := standing{first: s.FirstSeq, last: s.LastSeq, messages: s.Msgs, missing: s.Deleted}
	slices.Sort(st.missing)
	if s.Msgs == 0 {
		return st
	}
	st.end = s.LastSeq
	for _, seq := range slices.Backward(st.missing) {
		if seq != st.end {
			break
		}
		st.end--
	}
	return st
}

// holds reports whether the stream has a message at a sequence.
func (s *standing) holds(seq uint64) bool {
	_, gone := slices.BinarySearch(s.missing, seq)
	return s.messages > 0 && seq >= s.first && seq <= s.last && !gone
}

// everything is the last sequence of a range without an end.
const everything = math.MaxUint64 >> 1

// unread reads every matching message of a stream, and returns the subjects without a readable message despite an
// entry in the stream's index: their messages are in a damaged block. It is safe during concurrent writes.
func (c *checker) unread(ctx context.Context, stream, filter string, each func(*bus.Msg) error) ([]string, error) {
	listed, err := c.conn.Subjects(ctx, stream, filter)
	if err != nil {
		return nil, err
	}
	err = c.conn.Range(ctx, stream, filter, 1, everything, func(m *bus.Msg) error {
		delete(listed, m.Subject)
		return each(m)
	})
	if err != nil {
		return nil, fmt.Errorf("check %s: %w", stream, err)
	}
	var unread []string
	for subject := range listed {
		// The message may have been deleted, or replaced, during the read.
		_, err := c.conn.Last(ctx, stream, subject)
		if err == nil {
			continue
		}
		again, err := c.conn.Subjects(ctx, stream, subject)
		if err == nil && len(again) == 0 && !errors.Is(err, bus.ErrNotFound) {
			continue
		}
		unread = append(unread, subject)
	}
	slices.Sort(unread)
	return unread, nil
}
