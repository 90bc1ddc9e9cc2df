package exchange

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/servicetoken"
)

// caretaker looks after service tokens: it tells of those that expire, and turns off or deletes those that
// nobody uses where the organisation's settings say so. Every replica has one. Each notice is published in the
// place of the newest that was read, and each change of a token in that of the revision that was seen, so that
// of several caretakers one does it.
type caretaker struct {
	conn    *bus.Conn
	log     *slog.Logger
	clock   clock.Clock
	catalog *catalog.Catalog
	tokens  *servicetoken.View
	seen    *servicetoken.LastSeen
	states  *prometheus.GaugeVec

	done map[proto.ID]proto.TokenNotice // what is known to have been told, by token
	owed []bus.Outgoing                 // what was done and could not be told yet
}

const (
	sweepEvery = time.Minute
	// crowd is how long a caretaker waits for more changes after one.
	crowd = 100 * time.Millisecond
	// maxOwed bounds what a caretaker remembers to tell.
	maxOwed = 10_000
	// orphaned is how old a note of a use must be before it is taken for that of a deleted token: the token
	// may only not have arrived yet.
	orphaned = time.Hour
	// caretakerName is who changed a token, in the audit log.
	caretakerName = "inactivity of service tokens"
)

func newCaretaker(conn *bus.Conn, log *slog.Logger, clock clock.Clock, settings *catalog.Catalog, tokens *servicetoken.View,
	seen *servicetoken.LastSeen, states *prometheus.GaugeVec) *caretaker {
	return &caretaker{conn: conn, log: log, clock: clock, catalog: settings, tokens: tokens, seen: seen, states: states,
		done: map[proto.ID]proto.TokenNotice{}}
}

// run looks after the tokens every minute and after each change, until ctx ends.
func (c *caretaker) run(ctx context.Context) error {
	for {
		tokens, settings := c.tokens.Changed(), c.catalog.Changed()
		now := c.clock.Now()
		c.sweep(ctx, now)
		alarm := c.clock.After(sweepEvery)
		if c.clock.Now().Sub(now) >= sweepEvery {
			continue // the clock moved before it knew that we wait
		}
		select {
		case <-tokens:
		case <-settings:
		case <-alarm:
			continue
		case <-ctx.Done():
			return nil
		}
		// Changes come in crowds.
		select {
		case <-time.After(crowd):
		case <-ctx.Done():
			return nil
		}
	}
}

func (c *caretaker) sweep(ctx context.Context, now time.Time) {
	count := map[string]int{stateValid: 0, stateExpiring: 0, stateExpired: 0, stateDisabled: 0}
	known, named := map[proto.ID]bool{}, map[proto.Account]map[proto.ID]bool{}
	c.owe(ctx)
	for _, t := range c.tokens.All() {
		if ctx.Err() != nil {
			return
		}
		known[t.ID] = true
		count[stateOf(t.ServiceToken, now)]++
		if err := c.tell(ctx, t, now); err != nil && ctx.Err() == nil {
			c.log.Warn("the end of a service token was not told; trying again", "token", t.ID, "err", err)
			continue
		}
		org := c.catalog.Organization(t.Account).Value
		if !idle(t.ServiceToken, c.seen.Of(t.Account, t.ClientID), org.Inactivity, now) {
			continue
		}
		if named[t.Account] == nil {
			named[t.Account] = c.named(t.Account)
		}
		if !named[t.Account][t.ID] {
			c.retire(ctx, t, org.Inactivity, now)
		}
	}
	for id := range c.done {
		if !known[id] {
			delete(c.done, id)
		}
	}
	for state, n := range count {
		c.states.WithLabelValues(state).Set(float64(n))
	}
	c.forget(ctx, now)
}

// tell publishes what is to be told of a token's end, unless somebody has.
func (c *caretaker) tell(ctx context.Context, t servicetoken.Record, now time.Time) error {
	state := noticeOf(t.ServiceToken, now)
	if before, ok := c.done[t.ID]; state == "" || (ok && told(&before, state, t.ExpiresAt)) {
		return nil
	}
	subject := topology.TokenNotice(t.Account, t.ID)
	var newest *proto.TokenNotice
	var sequence uint64
	m, err := c.conn.Last(ctx, topology.AccessLogs, subject)
	switch {
	case err == nil:
		newest, sequence = new(proto.TokenNotice), m.Seq
		if err := m.Decode(newest); err != nil {
			return err
		}
	case !errors.Is(err, bus.ErrNotFound):
		return err
	}
	notice := noticeAt(t.ServiceToken, state, now)
	if told(newest, state, t.ExpiresAt) {
		c.done[t.ID] = *notice
		return nil
	}
	_, err = c.conn.Publish(ctx, bus.Outgoing{Subject: subject, Body: notice, ExpectLast: bus.Expect(sequence)})
	if errors.Is(err, bus.ErrConflict) {
		return nil // somebody else tells it; the next look finds out what
	}
	if err != nil {
		return err
	}
	c.done[t.ID] = *notice
	c.log.Info("the end of a service token was told", "token", t.ID, "client_id", t.ClientID, "state", string(state), "expires_at", t.ExpiresAt.Time())
	return nil
}

func noticeAt(t *proto.ServiceToken, state proto.TokenState, now time.Time) *proto.TokenNotice {
	return &proto.TokenNotice{At: proto.At(now), Token: t.ID, ClientID: t.ClientID, Name: t.Name, State: state, ExpiresAt: t.ExpiresAt}
}

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
		Action: "update", Kind: "service_token", Resource: t.ID.String(), Name: t.Name, Before: shown(t.ServiceToken, seen.At)}
	state := proto.TokenIdle
	if i.Delete {
		state, event.Action = proto.TokenRemoved, "delete"
		err = c.conn.Delete(ctx, topology.Tokens, key, t.Revision)
	} else {
		off := turnedOff(t.ServiceToken, now)
		event.After = shown(off, seen.At)
		_, err = c.conn.Put(ctx, topology.Tokens, key, off, t.Revision)
	}
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
