package exchange

import (
	"context"
	"errors"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/servicetoken"
)

// named returns the service tokens of an account that a policy or a group names.
func (c *janitor) named(a proto.Account) map[proto.ID]bool {
	all := map[proto.ID]bool{}
	for _, p := range c.catalog.Policies(a) {
		referred(all, p.Value.Include, p.Value.Require, p.Value.Exclude)
	}
	for _, g := range c.catalog.Groups(a) {
		referred(all, g.Value.Include, g.Value.Require, g.Value.Exclude)
	}
	return all
}

// retire disables or deletes an unused token, unless it has changed.
func (c *janitor) retire(ctx context.Context, t servicetoken.Record, i proto.Inactivity, now time.Time) {
	log := c.log.With("token", t.ID, "client_id", t.ClientID, "deleted", i.Delete)
	key, err := topology.ServiceTokenKey(t.Account, t.ClientID)
	if err != nil {
		return
	}
	// The view of uses may lag behind the view of tokens.
	seenKey, err := topology.TokenSeenKey(t.Account, t.ClientID)
	if err != nil {
		return
	}
	var seen proto.TokenSeen
	if _, err := c.conn.Get(ctx, topology.TokenUses, seenKey, &seen); err != nil && !errors.Is(err, bus.ErrNotFound) {
		log.Warn("failed to read the last use of a service token, retrying", "err", err)
		return
	}
	if !idle(t.ServiceToken, seen.At, i, now) {
		return
	}
	event := &proto.AuditEvent{ID: proto.NewID(), At: proto.At(now),
		Actor:  proto.Actor{Type: "system", ID: "exchange", Name: janitorName},
		Action: "update", Kind: "service_token", Resource: t.ID.String(), Name: t.Name,
		Before: shown(t.ServiceToken, seen.At),
		Records: []proto.AuditRecord{{Subject: topology.BucketSubject(topology.Tokens, key), Replaced: t.Revision,
			Deleted: i.Delete}}}
	state, change := proto.TokenRemoved, bus.DeleteMsg(topology.Tokens, key, t.Revision)
	if i.Delete {
		event.Action = "delete"
	} else {
		off := disabled(t.ServiceToken, now)
		state, event.After = proto.TokenIdle, shown(off, seen.At)
		change = bus.PutMsg(topology.Tokens, key, off, t.Revision)
	}
	// The audit event is stored with the change. The API publishes it.
	_, err = c.conn.Commit(ctx, []bus.Outgoing{{Subject: topology.Outbox(topology.Tokens, t.Account, event.ID),
		Body: &proto.AuditOutbox{Events: []*proto.AuditEvent{event}}, TTL: topology.OutboxTTL}, change})
	switch {
	case errors.Is(err, bus.ErrConflict):
		return // another janitor was faster, or the token has changed
	case err != nil:
		log.Warn("failed to retire an unused service token, retrying", "err", err)
		return
	}
	log.Info("unused service token retired by the organization's settings", "days", i.Days)
	c.publish(ctx, bus.Outgoing{Subject: topology.TokenNotice(t.Account, t.ID),
		Body: noticeAt(t.Account, t.ServiceToken, state, now), MsgID: event.ID.String() + ":notice"})
}

// publish publishes pending notices and new ones. Those that the bus rejects are kept for the next time.
func (c *janitor) publish(ctx context.Context, more ...bus.Outgoing) {
	all := append(c.unpublished, more...)
	c.unpublished = nil
	for i, err := range c.conn.PublishAll(ctx, all) {
		switch {
		case err == nil:
		case len(c.unpublished) < maxUnpublished:
			c.unpublished = append(c.unpublished, all[i])
		default:
			c.log.Error("notice dropped: too many are waiting", "subject", all[i].Subject, "err", err)
		}
	}
}

// forget deletes the records of use of deleted tokens.
func (c *janitor) forget(ctx context.Context, now time.Time) {
	have := map[string]bool{}
	for _, t := range c.tokens.All() {
		if key, err := topology.TokenSeenKey(t.Account, t.ClientID); err == nil {
			have[key] = true
		}
	}
	for key, note := range c.seen.All() {
		if have[key] || now.Sub(note.At.Time()) < orphaned {
			continue
		}
		if err := c.conn.Delete(ctx, topology.TokenUses, key, note.Revision); err != nil && !errors.Is(err, bus.ErrConflict) {
			c.log.Warn("failed to delete the last use of a deleted service token, retrying", "err", err)
			return
		}
	}
}
