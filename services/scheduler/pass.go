package scheduler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

type key struct {
	account     proto.Account
	integration proto.ID
}

// entry is the scheduler's memory of an integration between passes. Its newest tick may be out of date, and the storing
// time of its own ticks is a guess: the memory decides when to look, a fresh read decides whether to publish, and the
// server decides whether the publish is accepted.
type entry struct {
	schedule Schedule
	newest   *Stored
	looked   bool      // newest is known; nil then means there is none
	retry    time.Time // not before, by the local clock
	failures int
	// reported is the last reported fault, and its tick.
	reported    Fault
	reportedSeq uint64
	decision    Decision
}

// pass checks every integration once, publishes due ticks, and returns the time to sleep.
func (s *Service) pass(ctx context.Context) (sleep time.Duration, err error) {
	if err := s.checkClock(ctx); err != nil {
		return 0, fmt.Errorf("the server's time: %w", err)
	}
	s.refreshEntries()
	now, local := s.server.now(), s.clock.Now()
	g := new(errgroup.Group)
	g.SetLimit(s.cfg.Concurrency)
	for k, e := range s.entries {
		if e.newest != nil && e.newest.Seen.After(now) {
			e.newest.Seen = now
		}
		e.decision = decide(now, e.schedule, e.newest)
		polled := e.decision.Reason != ReasonNotPolled && e.decision.Reason != ReasonInvalid
		if polled && (!e.looked || e.decision.Publish) && !local.Before(e.retry) {
			g.Go(func() error { return s.tend(ctx, now, k, e) })
		}
	}
	err = g.Wait()
	return s.conclude(), err
}

// checkClock asks for the server's time, and reports once if the scheduler's own is wrong.
func (s *Service) checkClock(ctx context.Context) error {
	ahead, err := s.server.refresh(ctx)
	if err != nil {
		return err
	}
	s.metrics.offset.Set(ahead.Seconds())
	wrong := ahead.Abs() > Tolerance
	switch {
	case wrong && !s.ownClock:
		s.metrics.faults.WithLabelValues(string(FaultOwnClock)).Inc()
		s.log.Error("this machine's clock is wrong, or the NATS server's is; ticks follow the server's", "ahead",
			ahead.Round(time.Second))
	case !wrong && s.ownClock:
		s.log.Info("this machine's clock agrees with the NATS server's again")
	}
	s.ownClock = wrong
	return nil
}

// refreshEntries updates the entries from the catalog, if it changed.
func (s *Service) refreshEntries() {
	revision := s.catalog.Revision()
	if revision == s.revision {
		return
	}
	s.revision = revision
	records := s.catalog.Integrations()
	gone := make(map[key]bool, len(s.entries))
	for k := range s.entries {
		gone[k] = true
	}
	for _, r := range records {
		k := key{r.Account, r.Value.ID}
		delete(gone, k)
		e := s.entries[k]
		if e == nil {
			e = &entry{}
			s.entries[k] = e
		}
		next := Schedule{ID: r.Value.ID, Interval: r.Value.Interval, Revision: r.Value.Schedule, Polled: r.Value.Polled(),
			Gap: s.cfg.MinInterval}
		if next != e.schedule {
			e.schedule, e.retry = next, time.Time{}
		}
	}
	for k := range gone {
		delete(s.entries, k)
	}
}

// conclude counts the entries by their state, and returns the time until the next one may be due.
func (s *Service) conclude() time.Duration {
	now, local, sleep := s.server.now(), s.clock.Now(), maxSleep
	standing := map[Reason]int{ReasonWaiting: 0, ReasonNotPolled: 0, ReasonBehind: 0, ReasonInvalid: 0, ReasonFirst: 0,
		ReasonChanged: 0, ReasonDue: 0}
	for _, e := range s.entries {
		standing[e.decision.Reason]++
		switch {
		case e.retry.After(local):
			sleep = min(sleep, e.retry.Sub(local))
		case !e.decision.Wake.IsZero():
			sleep = min(sleep, e.decision.Wake.Sub(now))
		}
	}
	for reason, n := range standing {
		s.metrics.integrations.WithLabelValues(string(reason)).Set(float64(n))
	}
	// Slots are cut to the millisecond: a wait that ends slightly early would spin.
	return max(sleep, 0) + time.Millisecond
}

// tend reads an integration's newest tick and publishes the next if it is due. Losing to another scheduler is no error.
// now is the pass's time, even if the pass takes long: it was the server's answer.
func (s *Service) tend(ctx context.Context, now time.Time, k key, e *entry) error {
	err := s.look(ctx, now, k, e)
	if err == nil && e.decision.Publish {
		err = s.publish(ctx, now, k, e)
	}
	if err == nil {
		e.failures, e.retry = 0, time.Time{}
		return nil
	}
	e.looked = false
	if errors.Is(err, bus.ErrConflict) {
		// A replica may take a moment to know the other's tick.
		s.metrics.conflicts.Inc()
		e.retry = s.clock.Now().Add(100 * time.Millisecond)
		return nil
	}
	s.metrics.errors.Inc()
	e.failures++
	e.retry = s.clock.Now().Add(min(5*time.Second, 250*time.Millisecond<<min(e.failures, 5)))
	return fmt.Errorf("integration %s: %w", k.integration, err)
}

// look reads the newest tick and decides on it.
func (s *Service) look(ctx context.Context, now time.Time, k key, e *entry) error {
	m, err := s.bus.Last(ctx, topology.PostureTicks, topology.Tick(k.account, k.integration))
	switch {
	case errors.Is(err, bus.ErrNotFound):
		e.newest = nil
	case err != nil:
		return err
	default:
		newest := &Stored{Seq: m.Seq, StoredAt: m.Time, Seen: now}
		if e.newest != nil && e.newest.Seq == m.Seq {
			newest.Seen = e.newest.Seen
		}
		err := m.Decode(&newest.Tick)
		if bus.IsPermanent(err) {
			// It must not silence the integration: as a tick of no schedule it is replaced.
			s.bus.Unreadable(m.Stream, m.Subject, m.Seq, err)
			newest.Tick = proto.Tick{}
		} else if err != nil {
			return fmt.Errorf("the newest tick, %d: %w", m.Seq, err)
		}
		e.newest = newest
	}
	e.looked = true
	e.decision = decide(now, e.schedule, e.newest)
	s.report(k, e)
	return nil
}

// publish publishes the decided tick, directly after the tick the decision is based on.
func (s *Service) publish(ctx context.Context, now time.Time, k key, e *entry) error {
	d, last := e.decision, uint64(0)
	if e.newest != nil {
		last = e.newest.Seq
	}
	ack, err := s.bus.Publish(ctx,
		bus.Outgoing{Subject: topology.Tick(k.account, k.integration), Body: &d.Tick, ExpectLast: bus.Expect(last)})
	if err != nil {
		return err
	}
	s.metrics.ticks.WithLabelValues(string(d.Reason)).Inc()
	if d.Reason == ReasonDue {
		s.metrics.delay.Observe(now.Sub(d.Tick.Due.Time()).Seconds())
	}
	s.log.Debug("tick", "account", k.account, "integration", k.integration, "tick", ack.Seq, "slot", d.Tick.Slot, "reason",
		d.Reason)
	e.newest = &Stored{Tick: d.Tick, Seq: ack.Seq, StoredAt: now, Seen: now}
	e.decision = decide(now, e.schedule, e.newest)
	return nil
}

// report logs a clock fault, once for each tick with the fault.
func (s *Service) report(k key, e *entry) {
	fault := e.decision.Fault
	if fault == FaultNone || (fault == e.reported && e.newest.Seq == e.reportedSeq) {
		return
	}
	e.reported, e.reportedSeq = fault, e.newest.Seq
	s.metrics.faults.WithLabelValues(string(fault)).Inc()
	s.log.Error("a tick's times cannot be right; the schedule goes on by the server's clock", "fault", fault, "account",
		k.account, "integration", k.integration, "tick", e.newest.Seq, "due", e.newest.Tick.Due.Time(), "stored",
		e.newest.StoredAt)
}
