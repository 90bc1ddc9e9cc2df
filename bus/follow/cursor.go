package follow

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus/internal/quorum"
	"plumbline.dev/bus/message"
	"plumbline.dev/bus/topology"
)

// cursor is a verifiable position in POSTURE_LOG. A sequence alone could belong to another log, or to messages lost
// when the log was restored from an older copy.
type cursor struct {
	seq uint64
	// created is the creation time of the log, in nanoseconds, or 0 if it is unknown.
	created int64
	// at is the time at which the server stored the change with this sequence, in nanoseconds. It is 0 if the time is
	// unknown or the sequence is not a change.
	at int64
}

func cursorOf(seq uint64, created, at time.Time) cursor {
	c := cursor{seq: seq}
	if !created.IsZero() {
		c.created = created.UnixNano()
	}
	if !at.IsZero() {
		c.at = at.UnixNano()
	}
	return c
}

// String returns the form stored by followers: the sequence in decimal, then both times in base 36, separated by
// dots.
func (c cursor) String() string {
	return strconv.FormatUint(c.seq, 10) + "." + strconv.FormatInt(c.created, 36) + "." + strconv.FormatInt(c.at, 36)
}

// parseCursor parses the result of String, or a plain sequence.
func parseCursor(text string) (c cursor, err error) {
	parts := strings.Split(text, ".")
	var errs [3]error
	if c.seq, errs[0] = strconv.ParseUint(parts[0], 10, 63); len(parts) == 3 {
		c.created, errs[1] = strconv.ParseInt(parts[1], 36, 64)
		c.at, errs[2] = strconv.ParseInt(parts[2], 36, 64)
	}
	if err := errors.Join(errs[:]...); err != nil || len(parts) != 1 && len(parts) != 3 || c.created < 0 || c.at < 0 {
		return cursor{}, fmt.Errorf("%q is not the position of an event", text)
	}
	return c, nil
}

// CursorAt returns the cursor of a sequence of the log created at a time.
func CursorAt(seq uint64, created time.Time) string {
	return cursorOf(seq, created, time.Time{}).String()
}

// ValidCursor returns an error if text is neither an [Event.Cursor] nor a plain sequence.
func ValidCursor(text string) error {
	_, err := parseCursor(text)
	return err
}

// moved is an error stating why a follower cannot continue from its position and must read a new state.
type moved struct{ why string }

func (m moved) Error() string { return m.why }

// The reasons for reading a new state.
var (
	errDeleted  = moved{"the next message was deleted from the log"}
	errBeyond   = moved{"the position is beyond the end of the log: it was restored from an older copy, or rolled back"}
	errOther    = moved{"the position belongs to another log: the log was created anew"}
	errDiverged = moved{"the log differs at the position: it was restored from an older copy, or rolled back"}
	errGap      = moved{"the log lost messages after the position"}
	// errUnreadable is not about the position, but has the same consequence.
	errUnreadable = moved{"a change cannot be read"}
)

// checkHeld is like the function of this name, but does not immediately trust a log ending before the position: its
// leader may be partitioned from the other replicas, or newly elected and still applying entries.
func (f *follower) checkHeld(log *jetstream.StreamInfo, c cursor) error {
	err := checkHeld(log, c)
	if !errors.Is(err, errBeyond) {
		f.beyond = time.Time{}
		return err
	}
	if log.Cluster == nil || len(log.Cluster.Replicas) == 0 {
		return err
	}
	now := time.Now()
	if f.beyond.IsZero() {
		f.beyond = now
	}
	setBack := f.Tuning().SetBack
	if heard, alone := quorum.Heard(log.Cluster); alone != nil || heard > setBack || now.Sub(f.beyond) < setBack {
		return fmt.Errorf("follow: the leader of the log is at %d, before the position %d; asking again",
			log.State.LastSeq, c.seq)
	}
	return err
}

// checkHeld returns an error if the log does not hold every message after a position.
func checkHeld(log *jetstream.StreamInfo, c cursor) error {
	switch {
	case c.created != 0 && c.created != log.Created.UnixNano():
		return errOther
	case c.seq > log.State.LastSeq:
		return errBeyond
	case log.State.FirstSeq > c.seq+1:
		return errDeleted
	}
	return nil
}

// checkKept compares a position with the log after the follower was stopped or its connection was lost.
func (f *follower) checkKept(ctx context.Context, c cursor) error {
	stream, err := f.JetStream().Stream(ctx, topology.PostureLog)
	if err != nil {
		return fmt.Errorf("follow: %w", err)
	}
	info := stream.CachedInfo()
	if err := f.checkHeld(info, c); err != nil {
		return err
	}
	if bad, err := strconv.ParseUint(info.Config.Metadata[topology.NoteUnreadable], 10, 64); err == nil && c.seq < bad {
		return errGap
	}
	if info.State.NumDeleted > 0 {
		// Retention deletes from the beginning of the log only. Messages missing further on were lost.
		if info, err = stream.Info(ctx, jetstream.WithDeletedDetails(true)); err != nil {
			return fmt.Errorf("follow: %w", err)
		}
		for _, seq := range info.State.Deleted {
			if seq > c.seq {
				return errGap
			}
		}
	}
	if c.at == 0 || info.State.FirstSeq > c.seq {
		return nil
	}
	return f.checkTime(ctx, c)
}

// checkTime returns an error unless the change at a position is the one the follower has handled.
func (f *follower) checkTime(ctx context.Context, c cursor) error {
	m, err := f.LeaderNext(ctx, topology.PostureLog, f.changeFilter(), c.seq-1)
	switch {
	case errors.Is(err, message.ErrNotFound), err == nil && (m.Seq != c.seq || m.Time.UnixNano() != c.at):
		return errDiverged
	case err != nil:
		return fmt.Errorf("follow: %w", err)
	}
	return nil
}
