package store

import (
	"context"
	"errors"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Action is a change that another service makes for the control plane: the registry, the exchange or a fetcher. Its
// events are published when it is over. Before it begins, an announcement is stored in the outbox: if this process ends
// before the action does, the audit log records that the action was requested and that its outcome is unknown.
type Action struct {
	s         *Store
	account   proto.Account
	announced *proto.AuditEvent
	renewed   time.Time
}

// Bounds of actions.
const (
	// lease is how long an action may go without a renewal before its outcome is recorded as unknown.
	lease = 2 * time.Minute
	// renewal is how often a long action renews its announcement.
	renewal = 30 * time.Second
	// actionLook is how often a replica checks whether an action is over.
	actionLook = time.Second
	// goneAfter is how many checks in a row must not find the announcement.
	goneAfter = 3
	// maxActions bounds the actions that a replica watches. The end of an action does not wait while a worker is free.
	maxActions = topology.MaxActions
)

// BeginAction announces an action. The caller must not begin the action if it returns an error.
func (s *Store) BeginAction(ctx context.Context, a proto.Account, c Change) (*Action, error) {
	if err := s.relay.room(); err != nil {
		return nil, err
	}
	e := s.newEvent(ctx, c)
	e.Unsure = true
	x := &Action{s: s, account: a, announced: e, renewed: s.Clock.Now()}
	return x, x.announce(context.WithoutCancel(ctx))
}

// keep replaces the announcement with events; no events clear it.
func (x *Action) keep(ctx context.Context, told *proto.AuditOutbox) error {
	_, err := x.s.Conn.Publish(ctx, bus.Outgoing{Subject: topology.ActionOutbox(x.account, x.announced.ID), Body: told})
	return err
}

// announce stores the event that is published if the action is not renewed.
func (x *Action) announce(ctx context.Context) error {
	return x.keep(ctx, &proto.AuditOutbox{Events: []*proto.AuditEvent{x.announced}, Begun: true})
}

// Renew extends the lease of an action and stores its progress. It is cheap to call often.
func (x *Action) Renew(ctx context.Context, after any) {
	now := x.s.Clock.Now()
	if now.Sub(x.renewed) < renewal {
		return
	}
	x.renewed = now
	x.announced.After = EncodeView(after)
	if err := x.announce(ctx); err != nil {
		x.s.Log.Warn("failed to renew the lease of an action", "event", x.announced.ID, "action", x.announced.Action, "err",
			err)
	}
}

// End records the changes that the action made, if any.
func (x *Action) End(ctx context.Context, changes ...Change) {
	ctx = context.WithoutCancel(ctx)
	events := make([]*proto.AuditEvent, len(changes))
	for n, c := range changes {
		events[n] = x.s.newEvent(ctx, c)
		if n == 0 && x.s.Clock.Now().Sub(x.renewed) < lease/2 {
			events[n].ID = x.announced.ID // replaces the announcement, which was not published yet
		}
	}
	if err := x.keep(ctx, &proto.AuditOutbox{Events: events}); err != nil {
		x.s.Log.Warn("failed to record the outcome of an action: the audit log may show it as unknown", "event",
			x.announced.ID, "action", x.announced.Action, "err", err)
	}
}

// Settle ends an action that failed. A rejected action changed nothing, and nothing is recorded. If the outcome is
// unknown, the announcement stays and is published.
func (x *Action) Settle(ctx context.Context, rejected bool) {
	if rejected {
		x.End(ctx)
	}
}

// emptyAction waits until an action is over, or its lease has ended, and publishes its events.
func (t *relay) emptyAction(ctx context.Context, m *bus.Msg) error {
	var body proto.AuditOutbox
	if err := m.Decode(&body); err != nil || !body.Begun {
		return t.empty(ctx, m)
	}
	missed := 0
	for late := t.clock.After(lease); ; {
		over := false
		select {
		case <-late:
			over = true
		case <-time.After(actionLook):
		case <-ctx.Done():
			return ctx.Err()
		}
		newest, err := t.conn.Last(ctx, topology.AuditOutbox, m.Subject)
		switch {
		case err == nil && newest.Seq > m.Seq:
			return nil // its successor comes next
		case errors.Is(err, bus.ErrNotFound):
			// Either its successor was published and deleted, or a replica that lags was asked.
			if missed++; missed == goneAfter {
				return nil
			}
		case over && err != nil:
			return err // redelivered
		case over:
			return t.tell(ctx, m, body.Events)
		}
	}
}
