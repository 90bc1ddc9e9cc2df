package exchange

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/servicetoken"
)

// named are the service tokens of an account that a policy or a group names.
func (c *caretaker) named(a proto.Account) map[proto.ID]bool {
	all := map[proto.ID]bool{}
	for _, p := range c.catalog.Policies(a) {
		referred(all, p.Value.Include, p.Value.Require, p.Value.Exclude)
	}
	for _, g := range c.catalog.Groups(a) {
		referred(all, g.Value.Include, g.Value.Require, g.Value.Exclude)
	}
	return all
}

// retire turns off or deletes a token that nobody uses, if it is still as it was seen.
func (c *caretaker) retire(ctx context.Context, t servicetoken.Record, i proto.Inactivity, now time.Time) {
	log := c.log.With("token", t.ID, "client_id", t.ClientID, "deleted", i.Delete)
	key, err := topology.ServiceTokenKey(t.Account, t.ClientID)
	if err != nil {
		return
	}
	// The view of uses may be behind that of tokens.
	seenKey, err := topology.TokenSeenKey(t.Account, t.ClientID)
	if err != nil {
		return
	}
	var seen proto.TokenSeen
	if _, err := c.conn.Get(ctx, topology.Tokens, seenKey, &seen); err != nil && !errors.Is(err, bus.ErrNotFound) {
		log.Warn("it is not known whether a service token is in use; trying again", "err", err)
		return
	}
	if !idle(t.ServiceToken, seen.At, i, now) {
		return
	}
	event := &proto.AuditEvent{ID: proto.NewID(), At: proto.At(now), Actor: proto.Actor{Type: "system", ID: "exchange", Name: caretakerName},
		Action: "update", Kind: "service_token", Resource: t.ID.String(), Name: t.Name, Before: shown(t.ServiceToken, seen.At),
		Records: []proto.AuditRecord{{Subject: topology.BucketSubject(topology.Tokens, key), Replaced: t.Revision, Deleted: i.Delete}}}
	state, change := proto.TokenRemoved, bus.DeleteMsg(topology.Tokens, key, t.Revision)
	if i.Delete {
		event.Action = "delete"
	} else {
		off := turnedOff(t.ServiceToken, now)
		state, event.After = proto.TokenIdle, shown(off, seen.At)
		change = bus.PutMsg(topology.Tokens, key, off, t.Revision)
	}
	// What the audit log is to be told is stored with the change: if it is not told below, the api tells it.
	_, err = c.conn.Commit(ctx, []bus.Outgoing{{Subject: topology.Outbox(topology.Tokens, t.Account, event.ID),
		Body: &proto.AuditOutbox{Events: []*proto.AuditEvent{event}}, Header: nats.Header{"Nats-TTL": {topology.OutboxTTL.String()}}}, change})
	switch {
	case errors.Is(err, bus.ErrConflict):
		return // another caretaker did it, or the token was changed
	case err != nil:
		log.Warn("a service token that nobody uses was left as it is; trying again", "err", err)
		return
	}
	log.Info("a service token that nobody uses was turned off or deleted, as the organisation's settings say", "days", i.Days)
	c.owe(ctx, bus.Outgoing{Subject: topology.TokenNotice(t.Account, t.ID), Body: noticeAt(t.ServiceToken, state, now), MsgID: event.ID.String() + ":notice"},
		bus.Outgoing{Subject: topology.Audit(t.Account), Body: event, MsgID: event.ID.String()})
}

// owe publishes what is left to be told, and more; what the bus does not take now is kept for the next time.
func (c *caretaker) owe(ctx context.Context, more ...bus.Outgoing) {
	all := append(c.owed, more...)
	c.owed = nil
	for i, err := range c.conn.PublishAll(ctx, all) {
		switch {
		case err == nil:
		case len(c.owed) < maxOwed:
			c.owed = append(c.owed, all[i])
		default:
			c.log.Error("the end of a service token is not told: too much waits", "subject", all[i].Subject, "err", err)
		}
	}
}

// forget deletes the notes of use whose tokens are gone.
func (c *caretaker) forget(ctx context.Context, now time.Time) {
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
		if err := c.conn.Delete(ctx, topology.Tokens, key, note.Revision); err != nil && !errors.Is(err, bus.ErrConflict) {
			c.log.Warn("the note of a deleted service token's use is still there; trying again", "err", err)
			return
		}
	}
}
