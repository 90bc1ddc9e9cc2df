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

// janitor maintains service tokens: it announces their expiry, and disables or deletes unused ones if the
// organization's settings say so. Every replica has one. Each notice and each change expects the revision it was
// based on, so only one of several janitors succeeds.
type janitor struct {
	conn    *bus.Conn
	log     *slog.Logger
	clock   clock.Clock
	catalog *catalog.Catalog
	tokens  *servicetoken.View
	seen    *servicetoken.LastSeen
	states  *prometheus.GaugeVec

	done        map[proto.ID]proto.TokenNotice // the newest known notice of each token
	unpublished []bus.Outgoing                 // notices that could not be published yet
}

const (
	sweepEvery = time.Minute
	// burstWait is how long a janitor waits for more changes after one.
	burstWait = 100 * time.Millisecond
	// maxUnpublished bounds the unpublished notices.
	maxUnpublished = 10_000
	// orphaned is the age at which a record of use without a token counts as belonging to a deleted token. Earlier,
	// the token may not have arrived yet.
	orphaned = time.Hour
	// janitorName is the actor in the audit log.
	janitorName = "inactivity of service tokens"
)

func newJanitor(conn *bus.Conn, log *slog.Logger, clock clock.Clock, settings *catalog.Catalog,
	tokens *servicetoken.View, seen *servicetoken.LastSeen, states *prometheus.GaugeVec) *janitor {
	return &janitor{conn: conn, log: log, clock: clock, catalog: settings, tokens: tokens, seen: seen, states: states,
		done: map[proto.ID]proto.TokenNotice{}}
}

// run maintains the tokens every minute and after each change, until ctx ends.
func (c *janitor) run(ctx context.Context) error {
	for {
		tokens, settings := c.tokens.Changed(), c.catalog.Changed()
		now := c.clock.Now()
		c.sweep(ctx, now)
		alarm := c.clock.After(sweepEvery)
		if c.clock.Now().Sub(now) >= sweepEvery {
			continue // the clock moved before the timer was set
		}
		select {
		case <-tokens:
		case <-settings:
		case <-alarm:
			continue
		case <-ctx.Done():
			return nil
		}
		// Changes arrive in bursts.
		select {
		case <-time.After(burstWait):
		case <-ctx.Done():
			return nil
		}
	}
}

func (c *janitor) sweep(ctx context.Context, now time.Time) {
	count := map[string]int{stateValid: 0, stateExpiring: 0, stateExpired: 0, stateDisabled: 0}
	known, named := map[proto.ID]bool{}, map[proto.Account]map[proto.ID]bool{}
	c.publish(ctx)
	for _, t := range c.tokens.All() {
		if ctx.Err() != nil {
			return
		}
		known[t.ID] = true
		count[stateOf(t.ServiceToken, now)]++
		if err := c.tell(ctx, t, now); err != nil && ctx.Err() == nil {
			c.log.Warn("failed to publish service token expiry, retrying", "token", t.ID, "err", err)
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

// tell publishes the notice due for a token, unless it was published before.
func (c *janitor) tell(ctx context.Context, t servicetoken.Record, now time.Time) error {
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
			c.conn.Unreadable(m.Stream, m.Subject, m.Seq, err) // and publish it again
			newest = nil
		} else if err != nil {
			return err
		}
	case !errors.Is(err, bus.ErrNotFound):
		return err
	}
	notice := noticeAt(t.Account, t.ServiceToken, state, now)
	if told(newest, state, t.ExpiresAt) {
		c.done[t.ID] = *notice
		return nil
	}
	_, err = c.conn.Publish(ctx, bus.Outgoing{Subject: subject, Body: notice, ExpectLast: bus.Expect(sequence)})
	if errors.Is(err, bus.ErrConflict) {
		return nil // another replica published a notice; the next sweep reads it
	}
	if err != nil {
		return err
	}
	c.done[t.ID] = *notice
	c.log.Info("service token expiry published", "token", t.ID, "client_id", t.ClientID, "state", string(state),
		"expires_at", t.ExpiresAt.Time())
	return nil
}

func noticeAt(a proto.Account, t *proto.ServiceToken, state proto.TokenState, now time.Time) *proto.TokenNotice {
	return &proto.TokenNotice{Account: a, At: proto.At(now), Token: t.ID, ClientID: t.ClientID, Name: t.Name,
		State: state, ExpiresAt: t.ExpiresAt}
}
