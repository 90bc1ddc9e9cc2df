package store

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	"plumbline.dev/bus"
	"plumbline.dev/bus/stage"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/clock"
)

// relay publishes the events of the audit log, each of them once. A change stores its events in the outbox, in one
// batch with itself, and its response does not wait for the audit log. One replica at a time takes the outbox messages
// of a stream, in order, and publishes their events. So the log gets each event no matter which process ends. If a
// process ends between publishing and acknowledging, another one publishes the event again under the same id, and the
// log drops it. The log has an event twice only if all replicas were down for longer than it remembers ids.
type relay struct {
	conn  *bus.Conn
	log   *slog.Logger
	clock clock.Clock
	owed  prometheus.Gauge // messages in the outbox
	// lagging reports, for each stream with an outbox, that this replica's last attempt to publish an event failed.
	lagging map[string]*atomic.Bool
	stuck   atomic.Bool  // changes wait, and no replica published any between the last two counts
	waiting atomic.Int64 // outbox messages, as last counted
}

// Bounds of the relay.
const (
	relayRetry = time.Second      // between attempts, and between counts while something waits
	relayLook  = 15 * time.Second // between counts while nothing waits
	relayGrace = 500 * time.Millisecond
	maxWaiting = 512 // outbox messages; above it, changes are rejected unless they are being published
	// maxOutbox bounds the events of one message, in bytes: an event is at most a little larger than two bodies.
	maxOutbox = topology.MaxPayload / 4
)

func newRelay(conn *bus.Conn, log *slog.Logger, c clock.Clock, owed prometheus.Gauge) *relay {
	t := &relay{conn: conn, log: log, clock: c, owed: owed, lagging: map[string]*atomic.Bool{}}
	for _, stream := range outboxStreams {
		t.lagging[stream] = new(atomic.Bool)
	}
	return t
}

// waits reports whether events wait for a log that cannot be written.
func (t *relay) waits() bool {
	if t.stuck.Load() {
		return true
	}
	for _, away := range t.lagging {
		if away.Load() {
			return true
		}
	}
	return false
}

// OutboxMessages returns the outbox messages with the events of a change, for the batch of the change.
func OutboxMessages(a proto.Account, bucket string, events []*proto.AuditEvent) []bus.Outgoing {
	var all []bus.Outgoing
	var body *proto.AuditOutbox
	size := 0
	for _, e := range events {
		if n := len(e.Before) + len(e.After); body == nil || size+n > maxOutbox {
			body, size = &proto.AuditOutbox{}, 0
			all = append(all, bus.Outgoing{Subject: topology.Outbox(bucket, a, e.ID), Body: body,
				TTL: topology.OutboxTTL})
		}
		body.Events, size = append(body.Events, e), size+len(e.Before)+len(e.After)
	}
	return all
}

// room returns an error if too many outbox messages wait.
func (t *relay) room() error {
	if t.waits() && t.waiting.Load() >= maxWaiting {
		return &unavailableError{message: "the audit log is temporarily unavailable, so changes are rejected: try again",
			unwritten: true}
	}
	return nil
}

func (t *relay) publish(ctx context.Context, a proto.Account, e *proto.AuditEvent) error {
	public := *e
	public.Account = a
	_, err := t.conn.Publish(ctx, bus.Outgoing{Subject: topology.Audit(a), Body: &public, MsgID: e.ID.String()})
	return err
}

// Run empties the outbox until ctx ends.
func (t *relay) Run(ctx context.Context) error {
	var g errgroup.Group
	for _, stream := range outboxStreams {
		audit := stage.Stage{Name: "audit", Stream: stream, Consumer: topology.ConsumerAudit, Grace: relayGrace}
		handle := t.empty
		if stream == topology.AuditOutbox {
			audit.Workers, handle = maxActions, t.emptyAction
		}
		g.Go(func() error { return stage.Consume(ctx, t.conn, audit, handle) })
	}
	g.Go(func() error { t.look(ctx); return nil })
	return g.Wait()
}

var outboxStreams = []string{topology.BucketStream(topology.Config), topology.BucketStream(topology.Tokens),
	topology.BucketStream(topology.Holds), topology.AuditOutbox}

// empty publishes the events of an outbox message.
func (t *relay) empty(ctx context.Context, m *bus.Msg) error {
	var body proto.AuditOutbox
	if err := m.Decode(&body); err != nil && !bus.IsPermanent(err) {
		return t.park(ctx, m, err)
	} else if err != nil {
		t.log.Error("unreadable outbox message: its events are missing from the audit log", "subject", m.Subject, "seq",
			m.Seq, "err", err)
		return nil
	}
	return t.tell(ctx, m, body.Events)
}

// park moves an outbox message of a newer version, which returned err, to the queue of actions. It waits there for a
// replica that can read it. In the stream of its bucket it would block all later messages.
func (t *relay) park(ctx context.Context, m *bus.Msg, err error) error {
	if m.Stream == topology.AuditOutbox {
		return err
	}
	account, event, parsed := topology.ParseOutbox(m.Subject)
	if parsed != nil {
		return bus.Permanent(parsed)
	}
	t.log.Warn("outbox message of a newer version waits for a newer replica", "subject", m.Subject, "seq", m.Seq)
	return t.conn.Forward(ctx, topology.ActionOutbox(account, event), m)
}

// tell publishes the events of an outbox message. It tries until ctx ends.
func (t *relay) tell(ctx context.Context, m *bus.Msg, events []*proto.AuditEvent) error {
	a, away := topology.AccountOf(m.Subject), t.lagging[m.Stream]
	for _, e := range events {
		for {
			err := t.publish(ctx, a, e)
			if err == nil {
				break
			}
			if !away.Swap(true) {
				t.log.Warn("failed to publish an audit event, retrying", "event", e.ID, "action", e.Action, "kind", e.Kind,
					"resource", e.Resource, "err", err)
			}
			select {
			case <-t.clock.After(relayRetry):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	if len(events) > 0 {
		away.Store(false)
	}
	return nil
}

// look counts the waiting outbox messages until ctx ends, more often while there are any.
func (t *relay) look(ctx context.Context) {
	var before backlog
	for {
		now, err := t.count(ctx)
		if err == nil {
			t.waiting.Store(now.waiting)
			t.owed.Set(float64(now.waiting))
			t.stuck.Store(now.stuck(before))
			before = now
		} else if ctx.Err() == nil {
			t.log.Debug("failed to count the outbox messages", "err", err)
		}
		pause := relayLook
		if now.waiting > 0 || t.waits() {
			pause = relayRetry
		}
		select {
		case <-t.clock.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// backlog counts the waiting outbox messages.
type backlog struct {
	waiting int64             // in all streams
	changes map[string]uint64 // by stream of a bucket with waiting messages: the sequence up to which none waits
}

// stuck reports whether no message of a stream was published since an earlier count although some waited. It leaves out
// actions, whose announcements wait for their end.
func (b backlog) stuck(before backlog) bool {
	for stream, settled := range b.changes {
		if was, waited := before.changes[stream]; waited && was == settled {
			return true
		}
	}
	return false
}

func (t *relay) count(ctx context.Context) (backlog, error) {
	ctx, cancel := context.WithTimeout(ctx, ViewTimeout)
	defer cancel()
	all := backlog{changes: map[string]uint64{}}
	for _, stream := range outboxStreams {
		b, err := t.conn.Backlog(ctx, stream, topology.ConsumerAudit)
		if err != nil {
			return backlog{}, err
		}
		all.waiting += int64(b.Waiting)
		if stream != topology.AuditOutbox && b.Waiting > 0 {
			all.changes[stream] = b.Settled
		}
	}
	return all, nil
}
