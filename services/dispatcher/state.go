package dispatcher

import (
	"context"
	"errors"
	"maps"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/dispatcher/event"
)

// Times of writes. They are those of the machine, not of the service's clock: a lease must not end early.
const (
	saveEvery    = time.Second     // between writes of positions while messages are delivered
	releaseAfter = 2 * time.Second // for the last write of a courier
)

// claim makes this dispatcher the owner of the destination, if mayTake allows it in view of the stored state.
func (c *courier) claim(ctx context.Context, mayTake func(*proto.Delivery) bool) error {
	var s proto.Delivery
	revision, err := c.s.bus.Get(ctx, topology.Deliveries, c.key(), &s)
	if errors.Is(err, bus.ErrNotFound) {
		s, err = proto.Delivery{}, nil
	}
	if err != nil {
		return err
	}
	if !mayTake(&s) {
		return errLost
	}
	if s.IsDisabled(c.rec.Revision) {
		return errDisabled // the manager's view of the states may lag behind
	}
	if err := c.replay(ctx, &s); err != nil {
		return err
	}
	if s.Disabled != "" {
		s.Disabled, s.DisabledAt, s.DisabledRevision = "", 0, 0
		s.Attempts, s.NextAt = 0, 0
	}
	// Any change of the destination ends the wait for the next attempt.
	if s.Revision != c.rec.Revision {
		s.NextAt, s.Revision = 0, c.rec.Revision
	}
	c.mu.Lock()
	c.state, c.revision = s, revision
	c.state.Owner = c.s.id
	c.mu.Unlock()
	return c.save(ctx)
}

// replay sets the positions back if the destination is to be replayed.
func (c *courier) replay(ctx context.Context, s *proto.Delivery) error {
	d := c.rec.Value
	if d.Replays <= s.Replays {
		return nil
	}
	positions := map[string]proto.DeliveryPosition{}
	for _, src := range sourcesOf(d) {
		p, err := since(ctx, c.s.bus, src.stream, src.filter(c.ref.account), d.ReplayFrom)
		if err != nil {
			return err
		}
		positions[src.name] = p
	}
	c.log.Info("replaying", "from", d.ReplayFrom.Time())
	s.Positions, s.Replays = positions, d.Replays
	s.Waiting, s.WaitingSince, s.Attempts, s.NextAt = "", 0, 0, 0
	return nil
}

// save stores the state. It returns errLost if another dispatcher has stored one.
func (c *courier) save(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := c.state
	next.Beat++
	next.UpdatedAt = proto.At(c.s.clock.Now())
	next.Positions = c.progress(next.Positions)
	start := time.Now()
	revision, err := c.s.bus.Put(ctx, topology.Deliveries, c.key(), &next, c.revision)
	if errors.Is(err, bus.ErrConflict) {
		return errLost
	}
	if err != nil {
		return err
	}
	c.state, c.revision, c.dirty, c.saved = next, revision, false, start
	return nil
}

// progress returns positions with the progress of the readers over messages for others. The lock must be held.
func (c *courier) progress(positions map[string]proto.DeliveryPosition) map[string]proto.DeliveryPosition {
	all := maps.Clone(positions)
	for name, read := range c.read {
		if p, ok := all[name]; ok {
			p.Seq = max(p.Seq, read())
			all[name] = p
		}
	}
	return all
}

// release gives the destination up, so that another dispatcher need not wait for it.
func (c *courier) release() {
	ctx, cancel := context.WithTimeout(context.Background(), releaseAfter)
	defer cancel()
	c.edit(func(s *proto.Delivery) { s.Owner = proto.ID{} })
	if err := c.save(ctx); err != nil {
		c.log.Warn("cannot give a destination up; another dispatcher will wait for it", "err", err)
	}
}

// beat stores the state again and again, as long as the destination is owned.
func (c *courier) beat(ctx context.Context) error {
	tick := time.NewTicker(min(saveEvery, c.s.cfg.lease/3))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
		c.mu.Lock()
		due := c.dirty || time.Since(c.saved) >= c.s.cfg.lease/3
		c.mu.Unlock()
		if !due {
			continue
		}
		err := c.save(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if errors.Is(err, errLost) {
			return err
		}
		if err != nil {
			c.log.Warn("cannot store the state of a destination, retrying", "err", err)
		}
		if err := c.owned(); err != nil {
			return err
		}
	}
}

// owned returns errLost if the newest beat is so old that another dispatcher may soon take over.
func (c *courier) owned() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.saved) > c.s.cfg.lease*2/3 {
		return errLost
	}
	return nil
}

func (c *courier) edit(change func(*proto.Delivery)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.state)
	c.dirty = true
}

func (c *courier) position(name string) (proto.DeliveryPosition, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, ok := c.state.Positions[name]
	return p, ok
}

func (c *courier) setPosition(name string, p proto.DeliveryPosition) {
	c.edit(func(s *proto.Delivery) {
		all := maps.Clone(s.Positions)
		if all == nil {
			all = map[string]proto.DeliveryPosition{}
		}
		all[name] = p
		s.Positions = all
	})
}

func (c *courier) setRead(name string, read func() uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if read == nil {
		delete(c.read, name)
		return
	}
	c.read[name] = read
}

// missed records that messages could not be sent because they no longer exist, or cannot be read.
func (c *courier) missed(problem string) {
	now := proto.At(c.s.clock.Now())
	c.edit(func(s *proto.Delivery) { s.LastError, s.LastStatus, s.LastErrorAt = problem, 0, now })
}

// passed records that every event of a message was delivered.
func (c *courier) passed(_ context.Context, name string, m *bus.Msg) {
	p, _ := c.position(name)
	p.Seq, p.At = m.Seq, proto.At(m.Time)
	c.setPosition(name, p)
}

// succeeded records a delivered message.
func (c *courier) succeeded(now time.Time) {
	c.edit(func(s *proto.Delivery) {
		s.Waiting, s.WaitingSince, s.Attempts, s.NextAt = "", 0, 0, 0
		s.LastSuccessAt = proto.At(now)
		s.Delivered++
	})
}

// waiting returns the attempts that were made for an event, and when the next one is due.
func (c *courier) waiting(e event.Event) (attempts int, next time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state.Waiting == e.ID {
		attempts = c.state.Attempts
	}
	return attempts, c.state.NextAt.Time()
}
