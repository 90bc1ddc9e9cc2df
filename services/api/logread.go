package api

import (
	"context"
	"errors"
	"net/url"
	"time"

	"plumbline.dev/bus"
)

// stretch is a part of a stream: the messages of a subject, or of those that a wildcard matches, from one
// sequence to another.
type stretch struct {
	stream, subject string
	first, last     uint64
}

// Bounds of what is held of a log at a time: messages and bytes of a piece that is read, and the sequences of
// the first step back and of the largest.
const (
	pieceMessages = 256
	pieceBytes    = 2 << 20
	firstStep     = 256
	largestStep   = 1 << 20
)

// period narrows a stretch of the whole stream to what was stored from one time on and before another; a zero
// time bounds nothing. A stretch that is empty has its first sequence after its last.
func (s *Service) period(ctx context.Context, r stretch, since, until time.Time) (stretch, error) {
	at, err := s.conn.Position(ctx, r.stream)
	if err != nil {
		return r, err
	}
	r.first, r.last = 1, at.Last
	if !since.IsZero() {
		if r.first, err = s.conn.FirstSince(ctx, r.stream, r.subject, since); err != nil {
			return r, err
		}
		if r.first == 0 {
			r.first = r.last + 1
		}
	}
	if !until.IsZero() {
		after, err := s.conn.FirstSince(ctx, r.stream, r.subject, until)
		if err != nil {
			return r, err
		}
		if after != 0 {
			r.last = min(r.last, after-1)
		}
	}
	return r, nil
}

// readPeriod reads since and until.
func readPeriod(v url.Values) (since, until time.Time, err error) {
	for name, into := range map[string]*time.Time{"since": &since, "until": &until} {
		if text := v.Get(name); text != "" {
			if *into, err = time.Parse(time.RFC3339Nano, text); err != nil || into.Year() < 1970 || into.Year() > 2200 {
				return since, until, invalid("%s must be a time such as 2026-01-02T15:04:05Z", name)
			}
		}
	}
	return since, until, nil
}

// errPiece ends the reading of a piece that is large enough.
var errPiece = errors.New("enough for one piece")

// piece reads the first messages of a stretch, and says where to go on: past the end where there are no more.
// whole is false where it held more than a piece may.
func (s *Service) piece(ctx context.Context, r stretch) (messages []*bus.Msg, next uint64, whole bool, err error) {
	size := 0
	err = s.conn.Range(ctx, r.stream, r.subject, r.first, r.last, func(m *bus.Msg) error {
		if len(messages) >= pieceMessages || size >= pieceBytes {
			return errPiece
		}
		messages, size = append(messages, m), size+len(m.Data)
		return nil
	})
	if errors.Is(err, errPiece) {
		return messages, messages[len(messages)-1].Seq + 1, false, nil
	}
	return messages, r.last + 1, true, err
}

// forwards calls visit with each message, the oldest first. visit may take as long as it needs, and ends the
// reading with [bus.ErrStop].
func (s *Service) forwards(ctx context.Context, r stretch, visit func(*bus.Msg) error) error {
	for r.first <= r.last {
		messages, next, _, err := s.piece(ctx, r)
		if err != nil {
			return err
		}
		for _, m := range messages {
			if err := visit(m); err != nil {
				return ended(err)
			}
		}
		r.first = next
	}
	return nil
}

// backwards is forwards with the newest first. The stream can be read forwards only: it goes back in steps that
// grow while they hold little, and shrink where they hold too much.
func (s *Service) backwards(ctx context.Context, r stretch, visit func(*bus.Msg) error) error {
	for step := uint64(firstStep); r.first <= r.last; {
		part := r
		if r.last-r.first >= step {
			part.first = r.last - step + 1
		}
		messages, _, whole, err := s.piece(ctx, part)
		if err != nil {
			return err
		}
		if !whole && part.first < part.last {
			step = max(1, (part.last-part.first)/4)
			continue
		}
		for n := len(messages) - 1; n >= 0; n-- {
			if err := visit(messages[n]); err != nil {
				return ended(err)
			}
		}
		if part.first == r.first {
			return nil
		}
		r.last = part.first - 1
		if len(messages) < pieceMessages/8 {
			step = min(step*4, largestStep)
		}
	}
	return nil
}

func ended(err error) error {
	if errors.Is(err, bus.ErrStop) {
		return nil
	}
	return err
}

// scanning takes a place among those who read much; done gives it back.
func (s *Service) scanning(ctx context.Context) (done func(), err error) {
	select {
	case s.scans <- struct{}{}:
		return func() { <-s.scans }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
