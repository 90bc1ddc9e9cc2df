package store

import (
	"cmp"
	"context"
	"errors"
	"time"

	"plumbline.dev/bus"
)

// LogRange is a range of a stream: the messages of a subject, which may have wildcards, from one sequence to another.
type LogRange struct {
	Stream, Subject string
	First, Last     uint64
	// Step is the number of sequences of the first step backwards; 0: as many as suit a page of lines.
	Step uint64
}

// Bounds of reading a log: messages and bytes of one piece, and sequences of the first and of the largest step
// backwards.
const (
	pieceMessages = 256
	pieceBytes    = 2 << 20
	firstStep     = 256
	largestStep   = 1 << 20
)

const (
	// LogRetention is how long the logs keep a message.
	LogRetention = 30 * 24 * time.Hour
	// ClockSkew is how long before its own time an event may have been stored: the clocks of the services differ.
	ClockSkew = 5 * time.Minute
)

// LogPeriod narrows a range to the messages stored from since on and before until; a zero time bounds nothing. An empty
// range has its first sequence after its last.
func (s *Store) LogPeriod(ctx context.Context, r LogRange, since, until time.Time) (LogRange, error) {
	at, err := s.Conn.Position(ctx, r.Stream)
	if err != nil {
		return r, err
	}
	r.First, r.Last = 1, at.Last
	if !since.IsZero() {
		if r.First, err = s.Conn.FirstSince(ctx, r.Stream, r.Subject, since); err != nil {
			return r, err
		}
		if r.First == 0 {
			r.First = r.Last + 1
		}
	}
	if !until.IsZero() {
		after, err := s.Conn.FirstSince(ctx, r.Stream, r.Subject, until)
		if err != nil {
			return r, err
		}
		if after != 0 {
			r.Last = min(r.Last, after-1)
		}
	}
	return r, nil
}

// errPiece ends the reading of a piece that is large enough.
var errPiece = errors.New("enough for one piece")

// piece reads the first messages of a range. It returns the sequence to continue from, which is past the end if there
// are no more. whole is false if the range has more than one piece.
func (s *Store) piece(ctx context.Context, r LogRange) (messages []*bus.Msg, next uint64, whole bool, err error) {
	size := 0
	err = s.Conn.Range(ctx, r.Stream, r.Subject, r.First, r.Last, func(m *bus.Msg) error {
		if len(messages) >= pieceMessages || size >= pieceBytes {
			return errPiece
		}
		messages, size = append(messages, m), size+len(m.Data)
		return nil
	})
	if errors.Is(err, errPiece) {
		return messages, messages[len(messages)-1].Seq + 1, false, nil
	}
	return messages, r.Last + 1, true, err
}

// ReadForwards calls visit with each message, oldest first. visit may take as long as it needs, and returns
// [bus.ErrStop] to stop.
func (s *Store) ReadForwards(ctx context.Context, r LogRange, visit func(*bus.Msg) error) error {
	for r.First <= r.Last {
		messages, next, _, err := s.piece(ctx, r)
		if err != nil {
			return err
		}
		for _, m := range messages {
			if err := visit(m); err != nil {
				return ended(err)
			}
		}
		r.First = next
	}
	return nil
}

// ReadBackwards is [Store.ReadForwards] with the newest first. A stream can only be read forwards, so ReadBackwards
// goes back in steps that grow if they have few messages, and shrink if they have too many.
func (s *Store) ReadBackwards(ctx context.Context, r LogRange, visit func(*bus.Msg) error) error {
	for step := cmp.Or(r.Step, firstStep); r.First <= r.Last; {
		part := r
		if r.Last-r.First >= step {
			part.First = r.Last - step + 1
		}
		messages, _, whole, err := s.piece(ctx, part)
		if err != nil {
			return err
		}
		if !whole && part.First < part.Last {
			step = max(1, (part.Last-part.First)/4)
			continue
		}
		for n := len(messages) - 1; n >= 0; n-- {
			if err := visit(messages[n]); err != nil {
				return ended(err)
			}
		}
		if part.First == r.First {
			return nil
		}
		r.Last = part.First - 1
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
