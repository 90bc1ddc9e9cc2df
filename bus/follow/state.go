package follow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus/internal/wait"
	"plumbline.dev/bus/message"
	"plumbline.dev/bus/topology"
)

// state emits the newest entry of every page. POSTURE_STATE has the order of the log. After reading it to its end,
// the follower has the state as of its last entry, even if entries were replaced during the read.
func (f *follower) state(ctx context.Context) error {
	// The state includes everything already deleted from the log. If all messages of the log have expired, the log's
	// start is beyond the last entry, because the entry's changes come after it.
	log, err := f.JetStream().Stream(ctx, topology.PostureLog)
	if err != nil {
		return fmt.Errorf("read the state: %w", err)
	}
	state, err := f.JetStream().Stream(ctx, topology.PostureState)
	if err != nil {
		return fmt.Errorf("read the state: %w", err)
	}
	if err := f.emit(ctx, Event{Kind: EventReset}); err != nil {
		return err
	}
	deleted, created := max(log.CachedInfo().State.FirstSeq, 1)-1, log.CachedInfo().Created
	last, newest, err := f.readState(ctx)
	if err != nil {
		return err
	}
	if last > deleted {
		w := logWait{follower: f, seq: last, entry: newest, log: created, state: state.CachedInfo().Created}
		if err := w.run(ctx); err != nil {
			return err
		}
	}
	f.pos = cursorOf(max(last, deleted), created, time.Time{})
	return f.emit(ctx, Event{Kind: EventReady, Seq: f.pos.seq, Cursor: f.pos.String()})
}

// logWait waits until the log holds the newest entry of the state read by a follower.
type logWait struct {
	*follower
	seq        uint64       // of the entry in the log
	entry      *message.Msg // in the state
	log, state time.Time    // creation times of the two streams read by the follower
}

const (
	// firstLogWait and maxLogWait bound the pause between two checks of the end of the log, which doubles each time.
	firstLogWait = 10 * time.Millisecond
	maxLogWait   = time.Second
	// firstWarning is how long the log may lag before this is logged.
	firstWarning = 2 * time.Second
)

// run waits without a time limit: the followers' copy of the log may lag behind the copy of the state, and reading
// the state again would not help. It retries failed requests. It returns [moved] if the follower needs a new state:
// the log or the state was replaced, or the log holds a different message at the entry's position.
func (w *logWait) run(ctx context.Context) error {
	began, warned, pause := time.Now(), false, firstLogWait
	for waited := false; ; waited = true {
		end, err := w.look(ctx)
		switch {
		case err == nil && end >= w.seq && !waited:
			return nil
		case err == nil && end >= w.seq:
			err = w.compare(ctx)
			if err == nil {
				return nil
			}
		}
		var why moved
		switch {
		case errors.As(err, &why), err != nil && w.NATS().IsClosed():
			return err
		case !warned && time.Since(began) > firstWarning:
			warned = true
			w.Log().Warn("the state is ahead of the log, waiting for the log; if this persists, rebuild POSTURE_STATE",
				"state_at", w.seq, "log_at", end, "err", err)
		}
		wait.For(ctx, pause)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		pause = min(2*pause, maxLogWait)
	}
}

// look returns the last sequence of the log.
func (w *logWait) look(ctx context.Context) (end uint64, err error) {
	log, err := w.replaced(ctx, topology.PostureLog, w.log)
	if err != nil {
		return 0, err
	}
	if w.monitor != nil {
		w.monitor.Heard()
	}
	if end = log.State.LastSeq; end >= w.seq {
		return end, nil
	}
	_, err = w.replaced(ctx, topology.PostureState, w.state)
	return end, err
}

// replaced returns the description of a stream, or [moved] if the stream has a different creation time.
func (w *logWait) replaced(ctx context.Context, stream string, created time.Time) (*jetstream.StreamInfo, error) {
	s, err := w.JetStream().Stream(ctx, stream)
	if err != nil {
		return nil, err
	}
	if info := s.CachedInfo(); info.Created.Equal(created) {
		return info, nil
	}
	return nil, moved{stream + " was created anew"}
}

// compare returns [moved] if the log does not hold the entry at its position.
func (w *logWait) compare(ctx context.Context) error {
	m, err := w.LeaderNext(ctx, topology.PostureLog, w.entry.Subject, w.seq-1)
	switch {
	case err != nil && !errors.Is(err, message.ErrNotFound):
		return err
	case err != nil, m.Seq != w.seq, !bytes.Equal(m.Data, w.entry.Data):
		return errDiverged
	}
	return nil
}
