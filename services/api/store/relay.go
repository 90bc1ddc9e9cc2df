package store

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/clock"
)

// Relay publishes the events of the audit log. The events of a change are stored in the outbox, in one batch with the
// change. The request that made the change publishes them before its response. One of the replicas also takes every
// outbox message, in order, and publishes its events again, under the same ids; the log drops the duplicates. So the
// log gets each event no matter which process ends. It gets an event twice, under one id, only if all replicas were
// down for longer than the log remembers ids.
type Relay struct {
	conn  *bus.Conn
	log   *slog.Logger
	clock clock.Clock
	owed  prometheus.Gauge // messages in the outbox
	// Lagging reports, for each stream with an outbox, that publishing an event failed. Later events then wait in the
	// outbox.
	Lagging map[string]*atomic.Bool
	Waiting atomic.Int64 // outbox messages, as last counted
}

// Bounds of the relay.
const (
	RelayWait  = 3 * time.Second  // for a request to publish its events
	RelayRetry = time.Second      // between attempts
	RelayLook  = 15 * time.Second // between counts while nothing waits
	relayGrace = 500 * time.Millisecond
	MaxWaiting = 512 // outbox messages; above it, changes are rejected
	// maxOutbox bounds the events of one message, in bytes: an event is at most a little larger than two bodies.
	maxOutbox = topology.MaxPayload / 4
)

func newRelay(conn *bus.Conn, log *slog.Logger, c clock.Clock, owed prometheus.Gauge) *Relay {
	t := &Relay{conn: conn, log: log, clock: c, owed: owed, Lagging: map[string]*atomic.Bool{}}
	for _, stream := range outboxStreams {
		t.Lagging[stream] = new(atomic.Bool)
	}
	return t
}

// waits reports whether any event waits because publishing failed.
func (t *Relay) waits() bool {
	for _, away := range t.Lagging {
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
				Header: nats.Header{"Nats-TTL": {topology.OutboxTTL.String()}}})
		}
		body.Events, size = append(body.Events, e), size+len(e.Before)+len(e.After)
	}
	return all
}

// room returns an error if too many outbox messages wait.
func (t *Relay) room() error {
	if t.waits() && t.Waiting.Load() >= MaxWaiting {
		return &unavailableError{message: "the audit log is temporarily unavailable, so changes are rejected: try again"}
	}
	return nil
}

// record publishes the events of an outbox message, unless earlier events of the stream still wait.
func (t *Relay) record(ctx context.Context, stream string, a proto.Account, events []*proto.AuditEvent) {
	away := t.Lagging[stream]
	ctx, cancel := context.WithTimeout(ctx, RelayWait)
	defer cancel()
	for _, e := range events {
		if away.Load() {
			return
		}
		if err := t.publish(ctx, a, e); err != nil {
			away.Store(true)
			t.log.Warn("failed to publish an audit event, retrying", "event", e.ID, "action", e.Action, "kind", e.Kind,
				"resource", e.Resource, "err", err)
		}
	}
}

func (t *Relay) publish(ctx context.Context, a proto.Account, e *proto.AuditEvent) error {
	_, err := t.conn.Publish(ctx, bus.Outgoing{Subject: topology.Audit(a), Body: e, MsgID: e.ID.String()})
	return err
}

// Run empties the outbox until ctx ends.
func (t *Relay) Run(ctx context.Context) error {
	var g errgroup.Group
	for _, stream := range outboxStreams {
		stage := bus.Stage{Name: "audit", Stream: stream, Consumer: topology.ConsumerAudit, Grace: relayGrace}
		handle := t.empty
		if stream == topology.AuditOutbox {
			stage.Workers, handle = maxActions, t.emptyAction
		}
		g.Go(func() error { return t.conn.Consume(ctx, stage, handle) })
	}
	g.Go(func() error { t.look(ctx); return nil })
	return g.Wait()
}

var outboxStreams = []string{topology.BucketStream(topology.Config), topology.BucketStream(topology.Tokens),
	topology.AuditOutbox}

// empty publishes the events of an outbox message. It tries until ctx ends.
func (t *Relay) empty(ctx context.Context, m *bus.Msg) error {
	var body proto.AuditOutbox
	if err := m.Decode(&body); err != nil && !bus.IsPermanent(err) {
		return err // written by a newer version: it waits for a reader that knows it
	} else if err != nil {
		t.log.Error("unreadable outbox message: its events are missing from the audit log", "subject", m.Subject, "seq",
			m.Seq, "err", err)
		return nil
	}
	return t.tell(ctx, m, body.Events)
}

func (t *Relay) tell(ctx context.Context, m *bus.Msg, events []*proto.AuditEvent) error {
	a, away := topology.AccountOf(m.Subject), t.Lagging[m.Stream]
	for _, e := range events {
		for {
			err := t.publish(ctx, a, e)
			if err == nil {
				break
			}
			away.Store(true)
			select {
			case <-t.clock.After(RelayRetry):
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

// look counts the waiting outbox messages until ctx ends, more often while publishing fails.
func (t *Relay) look(ctx context.Context) {
	for {
		if n, err := t.count(ctx); err == nil {
			t.Waiting.Store(n)
			t.owed.Set(float64(n))
		} else if ctx.Err() == nil {
			t.log.Debug("failed to count the outbox messages", "err", err)
		}
		pause := RelayLook
		if t.waits() {
			pause = RelayRetry
		}
		select {
		case <-t.clock.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

func (t *Relay) count(ctx context.Context) (n int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, ViewTimeout)
	defer cancel()
	for _, stream := range outboxStreams {
		consumer, err := t.conn.JetStream().Consumer(ctx, stream, topology.ConsumerAudit)
		if err != nil {
			return 0, err
		}
		info := consumer.CachedInfo()
		n += int64(info.NumPending) + int64(info.NumAckPending)
	}
	return n, nil
}
