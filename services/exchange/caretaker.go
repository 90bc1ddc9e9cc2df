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
		if err := m.Decode(newest); bus.IsPermanent(err) {
			c.conn.Unreadable(m.Stream, m.Subject, m.Seq, err) // and tell it again
			newest = nil
		} else if err != nil {
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
