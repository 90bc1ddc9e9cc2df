package api

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"
	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/clock"
)

// trail writes the audit log. What the log is to be told of a change is in the outbox, stored in one batch with
// the change. Whoever made the change tells the log at once, before the client hears of it; and one of the
// replicas takes everything out of the outbox, in order, and tells the log again, under the same id, which the
// log drops. So a change is in the log sooner or later, whoever ends when; at worst it is there twice, under one
// id, where all replicas were away for longer than the log remembers ids.
type trail struct {
	conn    *bus.Conn
	log     *slog.Logger
	clock   clock.Clock
	metrics *metrics
	// away says, of each stream with an outbox, that the log did not take something: what comes after it waits for
	// its turn in the outbox.
	away    map[string]*atomic.Bool
	waiting atomic.Int64 // in the outbox, when it was last looked at
}

// Bounds of the trail.
const (
	trailWait  = 3 * time.Second  // how long a request waits for the log
	trailRetry = time.Second      // between attempts
	trailLook  = 15 * time.Second // between looks at what waits, while all is well
	trailGrace = 500 * time.Millisecond
	maxWaiting = 512 // outbox messages, then nothing more is changed
	// maxOutbox bounds what is told in one message: an event is at most twice a body, and some more.
	maxOutbox = topology.MaxPayload / 4
)

func newTrail(conn *bus.Conn, log *slog.Logger, c clock.Clock, m *metrics) *trail {
	t := &trail{conn: conn, log: log, clock: c, metrics: m, away: map[string]*atomic.Bool{}}
	for _, stream := range outboxStreams {
		t.away[stream] = new(atomic.Bool)
	}
	return t
}

// waits tells whether anything waits because the log did not take it.
func (t *trail) waits() bool {
	for _, away := range t.away {
		if away.Load() {
			return true
		}
	}
	return false
}

// outbox are the messages that tell of changes of a bucket, for the batch that makes the changes.
func outbox(a proto.Account, bucket string, events []*proto.AuditEvent) []bus.Outgoing {
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

// room refuses a change where too many wait.
func (t *trail) room() error {
	if t.waits() && t.waiting.Load() >= maxWaiting {
		return unavailable(nil, "changes cannot be recorded in the audit log at the moment, and so none is made: try again")
	}
	return nil
}

// record tells the log of what is in the outbox of a stream, unless that has to wait for what came before.
func (t *trail) record(ctx context.Context, stream string, a proto.Account, events []*proto.AuditEvent) {
	away := t.away[stream]
	ctx, cancel := context.WithTimeout(ctx, trailWait)
	defer cancel()
	for _, e := range events {
		if away.Load() {
			return
		}
		if err := t.publish(ctx, a, e); err != nil {
			away.Store(true)
			t.log.Warn("a change is not in the audit log yet", "event", e.ID, "action", e.Action, "kind", e.Kind, "resource", e.Resource, "err", err)
		}
	}
}

func (t *trail) publish(ctx context.Context, a proto.Account, e *proto.AuditEvent) error {
	_, err := t.conn.Publish(ctx, bus.Outgoing{Subject: topology.Audit(a), Body: e, MsgID: e.ID.String()})
	return err
}

// Run empties the outbox until ctx ends.
func (t *trail) Run(ctx context.Context) error {
	var g errgroup.Group
	for _, stream := range outboxStreams {
		stage := bus.Stage{Name: "audit", Stream: stream, Consumer: topology.ConsumerAudit, Grace: trailGrace}
		handle := t.empty
		if stream == topology.AuditOutbox {
			stage.Workers, handle = maxActions, t.emptyAction
		}
		g.Go(func() error { return t.conn.Consume(ctx, stage, handle) })
	}
	g.Go(func() error { t.look(ctx); return nil })
	return g.Wait()
}

var outboxStreams = []string{topology.BucketStream(topology.Config), topology.BucketStream(topology.Tokens), topology.AuditOutbox}

// empty tells the log of what was in the outbox, and does not give up.
func (t *trail) empty(ctx context.Context, m *bus.Msg) error {
	var body proto.AuditOutbox
	if err := m.Decode(&body); err != nil && !bus.IsPermanent(err) {
		return err // of a newer version: it waits for its reader
	} else if err != nil {
		t.log.Error("the outbox holds what cannot be read: the audit log misses it", "subject", m.Subject, "seq", m.Seq, "err", err)
		return nil
	}
	return t.tell(ctx, m, body.Events)
}

func (t *trail) tell(ctx context.Context, m *bus.Msg, events []*proto.AuditEvent) error {
	a, away := topology.AccountOf(m.Subject), t.away[m.Stream]
	for _, e := range events {
		for {
			err := t.publish(ctx, a, e)
			if err == nil {
				break
			}
			away.Store(true)
			select {
			case <-t.clock.After(trailRetry):
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

// look counts what waits, until ctx ends: often while the log is away.
func (t *trail) look(ctx context.Context) {
	for {
		if n, err := t.count(ctx); err == nil {
			t.waiting.Store(n)
			t.metrics.owed.Set(float64(n))
		} else if ctx.Err() == nil {
			t.log.Debug("what waits for the audit log cannot be counted", "err", err)
		}
		pause := trailLook
		if t.waits() {
			pause = trailRetry
		}
		select {
		case <-t.clock.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

func (t *trail) count(ctx context.Context) (n int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, viewTimeout)
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
