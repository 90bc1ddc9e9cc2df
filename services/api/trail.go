package api

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/clock"
)

// trail writes the audit log. An event is published once its change is acknowledged, before the client hears
// of it, and again until it is stored: at least once, under one id. While the log cannot be written, events
// wait in memory, in order, and changes go on; once too many wait, changes are refused. So what can be lost is
// what waits when the process is killed; one that ends in order stores it first, if it can.
type trail struct {
	conn    *bus.Conn
	log     *slog.Logger
	clock   clock.Clock
	metrics *metrics

	mu    sync.Mutex
	owed  []owed
	bytes int
	more  chan struct{} // something is owed
}

// owed is an event that is not stored yet.
type owed struct {
	account proto.Account
	event   *proto.AuditEvent
	// write, where it is set, is one of which nobody knows whether it was made: that comes first.
	write *write
	until time.Time // when it is given up to find out
}

// Bounds of the trail.
const (
	trailWait    = time.Second // how long a request waits for its event to be stored
	trailRetry   = time.Second // between attempts
	trailFarewel = 2 * time.Second
	maxOwed      = 512      // events
	maxOwedBytes = 32 << 20 // of what they show
	// unsettled is how long a write may still be stored after nobody answered.
	unsettled = time.Minute
)

func newTrail(conn *bus.Conn, log *slog.Logger, c clock.Clock, m *metrics) *trail {
	return &trail{conn: conn, log: log, clock: c, metrics: m, more: make(chan struct{}, 1)}
}

// room refuses a change that could not be recorded.
func (t *trail) room() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.owed) >= maxOwed || t.bytes >= maxOwedBytes {
		return unavailable(nil, "changes cannot be recorded in the audit log at the moment, and so none is made: try again")
	}
	return nil
}

// record stores an event, or sees to it that it will be. It does not wait long.
func (t *trail) record(ctx context.Context, a proto.Account, e *proto.AuditEvent) {
	t.mu.Lock()
	waiting := len(t.owed) > 0
	t.mu.Unlock()
	if !waiting { // else it comes after those that happened before
		ctx, cancel := context.WithTimeout(ctx, trailWait)
		defer cancel()
		err := t.publish(ctx, a, e)
		if err == nil {
			return
		}
		t.log.Warn("a change is not in the audit log yet", "event", e.ID, "action", e.Action, "kind", e.Kind, "resource", e.Resource, "err", err)
	}
	t.owe(owed{account: a, event: e})
}

// settle finds out about a write that nobody answered, and records it if it was made.
func (t *trail) settle(w write, e *proto.AuditEvent) {
	t.owe(owed{account: w.account, event: e, write: &w, until: t.clock.Now().Add(unsettled)})
}

func (t *trail) owe(o owed) {
	t.mu.Lock()
	t.owed = append(t.owed, o)
	t.bytes += size(o)
	t.metrics.owed.Set(float64(len(t.owed)))
	t.mu.Unlock()
	select {
	case t.more <- struct{}{}:
	default:
	}
}

func size(o owed) int { return len(o.event.Before) + len(o.event.After) }

func (t *trail) publish(ctx context.Context, a proto.Account, e *proto.AuditEvent) error {
	_, err := t.conn.Publish(ctx, bus.Outgoing{Subject: topology.Audit(a), Body: e, MsgID: e.ID.String()})
	return err
}

// Run stores what is owed until ctx ends, then once more.
func (t *trail) Run(ctx context.Context) error {
	for {
		left := t.pay(ctx)
		if ctx.Err() != nil {
			break
		}
		var again <-chan time.Time
		if left > 0 {
			again = t.clock.After(trailRetry)
		}
		select {
		case <-again:
		case <-t.more:
		case <-ctx.Done():
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), trailFarewel)
	defer cancel()
	if left := t.pay(last); left > 0 {
		t.log.Error("changes are not in the audit log and will not be", "changes", left)
		t.mu.Lock()
		defer t.mu.Unlock()
		for _, o := range t.owed {
			t.log.Error("not in the audit log", "event", o.event.ID, "token", o.event.Actor.ID, "action", o.event.Action, "kind", o.event.Kind, "resource", o.event.Resource)
		}
	}
	return nil
}

// pay stores what is owed, as far as it can be, and tells how much is left.
func (t *trail) pay(ctx context.Context) int {
	t.mu.Lock()
	all := t.owed
	t.mu.Unlock()
	paid := make([]bool, len(all))
	for n, o := range all {
		done, err := t.payOne(ctx, o)
		if err != nil {
			t.log.Debug("the audit log cannot be written yet", "err", err)
			break
		}
		paid[n] = done
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var left []owed
	t.bytes = 0
	for n, o := range t.owed {
		if n < len(paid) && paid[n] {
			continue
		}
		left = append(left, o)
		t.bytes += size(o)
	}
	t.owed = left
	t.metrics.owed.Set(float64(len(left)))
	return len(left)
}

// payOne stores an event. It is not done where nobody knows yet whether there is one.
func (t *trail) payOne(ctx context.Context, o owed) (done bool, err error) {
	if o.write != nil {
		made, known, err := t.made(ctx, o.write)
		if err != nil {
			return false, err
		}
		if !known {
			return t.clock.Now().After(o.until), nil
		}
		if !made {
			return true, nil
		}
	}
	return true, t.publish(ctx, o.account, o.event)
}

// made finds out whether a write was stored: known is false while it may still be. One that was overtaken by
// another before anybody looked is taken for one that was made: the log rather has a change too many.
func (t *trail) made(ctx context.Context, w *write) (made, known bool, err error) {
	m, err := t.conn.Last(ctx, topology.BucketStream(w.bucket), topology.BucketSubject(w.bucket, w.key))
	switch {
	case errors.Is(err, bus.ErrNotFound):
		return false, false, nil
	case err != nil:
		return false, false, err
	case m.Seq <= w.expect:
		return false, false, nil
	case w.after == nil || m.Deleted():
		return true, true, nil
	}
	sent, err := proto.Marshal(w.after)
	if err == nil && !bytes.Equal(sent, m.Data) {
		t.log.Warn("a change that nobody answered was overtaken by another: the audit log shows it, though it may not have been made", "key", w.key)
	}
	return true, true, err
}
