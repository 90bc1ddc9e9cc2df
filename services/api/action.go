package api

import (
	"context"
	"errors"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// An action is a change that somebody else makes for the control plane: the registry, the exchange, a fetcher. The
// audit log is told of it once it is over. What is told if this process does not live to see that is stored
// before the action begins: that it was about to be done, and that nobody knows whether it was.
type action struct {
	s       *Service
	account proto.Account
	begun   *proto.AuditEvent
	renewed time.Time
}

// Bounds of actions.
const (
	// lease is how long nothing may be heard of an action until it is taken for one that nobody will tell of.
	lease = 2 * time.Minute
	// renewal is how often one that takes long says that it goes on.
	renewal = 30 * time.Second
	// actionLook is how often a replica looks whether an action is over.
	actionLook = time.Second
	// goneAfter is how many looks in a row must not find it.
	goneAfter  = 3
	maxActions = 16 // that a replica looks after at once
)

// begin announces an action. It must not be done where that fails.
func (s *Service) begin(ctx context.Context, a proto.Account, c change) (*action, error) {
	if err := s.trail.room(); err != nil {
		return nil, err
	}
	e := s.newEvent(ctx, c)
	e.Unsure = true
	x := &action{s: s, account: a, begun: e, renewed: s.clock.Now()}
	return x, x.announce(context.WithoutCancel(ctx))
}

// keep stores what the log is to be told; of no events, nothing.
func (x *action) keep(ctx context.Context, told *proto.AuditOutbox) error {
	_, err := x.s.conn.Publish(ctx, bus.Outgoing{Subject: topology.ActionOutbox(x.account, x.begun.ID), Body: told})
	return err
}

// announce stores what the log is to be told if nothing more is heard of the action.
func (x *action) announce(ctx context.Context) error {
	return x.keep(ctx, &proto.AuditOutbox{Events: []*proto.AuditEvent{x.begun}, Begun: true})
}

// goes says that the action is not over yet, and what is known of it. It is cheap to call often.
func (x *action) goes(ctx context.Context, after any) {
	now := x.s.clock.Now()
	if now.Sub(x.renewed) < renewal {
		return
	}
	x.renewed = now
	x.begun.After = shown(after)
	if err := x.announce(ctx); err != nil {
		x.s.log.Warn("that an action goes on is not written down", "event", x.begun.ID, "action", x.begun.Action, "err", err)
	}
}

// end tells the log what the action changed: nothing, one thing, or several.
func (x *action) end(ctx context.Context, changes ...change) {
	ctx = context.WithoutCancel(ctx)
	events := make([]*proto.AuditEvent, len(changes))
	for n, c := range changes {
		events[n] = x.s.newEvent(ctx, c)
		if n == 0 && x.s.clock.Now().Sub(x.renewed) < lease/2 {
			events[n].ID = x.begun.ID // it takes the place of what was announced, which nobody has told yet
		}
	}
	// First where it cannot be lost.
	kept := x.keep(ctx, &proto.AuditOutbox{Events: events})
	x.s.trail.record(ctx, topology.AuditOutbox, x.account, events)
	if kept != nil {
		x.s.log.Warn("an action is over and the audit log may say that nobody knows", "event", x.begun.ID, "action", x.begun.Action, "err", kept)
	}
}

// settle ends an action with its error: one that was refused changed nothing; of one that nobody answered nobody
// knows, and that is what the log is told.
func (x *action) settle(ctx context.Context, err error) {
	if p := problemOf(err); p.status < 500 {
		x.end(ctx)
	}
}

// emptyAction waits until an action is over, or has not been heard of for too long, and tells the log.
func (t *trail) emptyAction(ctx context.Context, m *bus.Msg) error {
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
			return nil // what took its place comes next
		case errors.Is(err, bus.ErrNotFound):
			// What took its place was told already; or a replica that is behind was asked.
			if missed++; missed == goneAfter {
				return nil
			}
		case over && err != nil:
			return err // it comes again
		case over:
			return t.tell(ctx, m, body.Events)
		}
	}
}
