package follow

import (
	"context"
	"errors"
	"fmt"
	"time"

	"plumbline.dev/bus/message"
	"plumbline.dev/bus/topology"
)

// onceDirect is like once, without a consumer, for a follower storing its own position.
func (f *follower) onceDirect(ctx context.Context) error {
	if f.pos.seq == 0 {
		if err := f.state(ctx); err != nil {
			return err
		}
	}
	f.from = f.pos.seq
	stream, err := f.JetStream().Stream(ctx, topology.PostureLog)
	if err != nil {
		return fmt.Errorf("follow: %w", err)
	}
	log := stream.CachedInfo()
	if err := f.checkHeld(log, f.pos); err != nil {
		return err
	}
	f.pos.created = log.Created.UnixNano()
	checked, connections := time.Now(), f.NATS().Stats().Reconnects
	t := Tail{Stream: topology.PostureLog, Filter: f.changeFilter(), After: f.pos.seq}
	t.Apply = func(m *message.Msg) error {
		if n := f.NATS().Stats().Reconnects; n != connections {
			// After a reconnect, the server may hold an older copy of the log.
			if err := f.checkKept(ctx, f.pos); err != nil {
				return err
			}
			connections, checked = n, time.Now()
		}
		if time.Since(checked) > f.Tuning().Recheck {
			if err := f.checkPosition(ctx); err != nil {
				return err
			}
			checked = time.Now()
		}
		if err := f.change(ctx, m); err != nil {
			return err
		}
		f.pos.seq, f.pos.at = m.Seq, m.Time.UnixNano()
		return nil
	}
	err = f.Tail(ctx, t)
	if errors.Is(err, message.ErrReplaced) {
		return moved{err.Error()}
	}
	return err
}

// readState emits the newest entry of every page held by POSTURE_STATE's leader when readState began. It returns the
// entry with the highest position in the log, and this position; nil and 0 if there is no entry.
func (f *follower) readState(ctx context.Context) (last uint64, newest *message.Msg, err error) {
	ctx, enough := context.WithCancel(ctx)
	defer enough()
	t := Tail{Stream: topology.PostureState, Filter: f.logFilter(), Current: enough}
	t.Apply = func(m *message.Msg) error {
		seq, err := f.entry(ctx, m)
		if seq > last {
			last, newest = seq, m
		}
		return err
	}
	err = f.Tail(ctx, t)
	return last, newest, err
}
