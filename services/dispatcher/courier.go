package dispatcher

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/dispatcher/event"
	"plumbline.dev/services/dispatcher/retry"
	"plumbline.dev/services/internal/catalog"
)

// ref names a destination.
type ref struct {
	account proto.Account
	id      proto.ID
}

// courier delivers to one destination.
type courier struct {
	s   *Service
	ref ref
	rec catalog.Record[proto.Destination]
	log logger
	// target is nil if it cannot be opened; problem says why.
	target  *target
	problem string
	turn    chan struct{} // held while a message is delivered

	mu       sync.Mutex
	state    proto.Delivery
	revision uint64 // of the stored state
	dirty    bool   // the state differs from the stored one
	saved    time.Time
	// read returns how far each source was read and delivered, by name of the source.
	read map[string]func() uint64
}

// Errors that end a courier.
var (
	errLost     = errors.New("another dispatcher delivers to the destination")
	errDisabled = errors.New("the destination is disabled")
)

func newCourier(s *Service, rec catalog.Record[proto.Destination]) *courier {
	k := ref{rec.Account, rec.Value.ID}
	c := &courier{s: s, ref: k, rec: rec, log: s.log.With("account", k.account, "destination", k.id),
		turn: make(chan struct{}, 1), read: map[string]func() uint64{}}
	c.target, c.problem = openTarget(rec.Value, s.identities)
	return c
}

// run delivers until ctx ends, or the destination is lost or disabled.
func (c *courier) run(ctx context.Context, mayTake func(*proto.Delivery) bool) error {
	if err := c.claim(ctx, mayTake); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var parts sync.WaitGroup
	for _, src := range sourcesOf(c.rec.Value) {
		parts.Go(func() { cancel(c.follow(ctx, src)) })
	}
	parts.Go(func() { cancel(c.beat(ctx)) })
	parts.Wait()
	err := context.Cause(ctx)
	if !errors.Is(err, errLost) {
		c.release()
	}
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// follow delivers the messages of a source until ctx ends.
func (c *courier) follow(ctx context.Context, src source) error {
	for {
		after, err := c.begin(ctx, src)
		if err != nil {
			return err
		}
		filter := src.filter(c.ref.account)
		t := &bus.Tail{Conn: c.s.bus, Stream: src.stream, Filters: []string{filter}, After: after}
		if src.lines != nil {
			err = c.upload(ctx, src, t)
		} else {
			t.Apply = func(m *bus.Msg) error { return c.message(ctx, src, m) }
			c.setRead(src.name, t.Read)
			err = t.Run(ctx)
		}
		c.setRead(src.name, nil)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if !errors.Is(err, bus.ErrReplaced) {
			return err
		}
	}
}

// begin returns the sequence after which a source continues. If messages were missed, it delivers the event about that
// first.
func (c *courier) begin(ctx context.Context, src source) (uint64, error) {
	old, known := c.position(src.name)
	if !known {
		p, err := since(ctx, c.s.bus, src.stream, src.filter(c.ref.account), c.rec.Value.CreatedAt)
		if err != nil {
			return 0, err
		}
		c.setPosition(src.name, p)
		return p.Seq, nil
	}
	e, err := c.settled(ctx, src.stream, old)
	if err != nil {
		return 0, err
	}
	next := old
	switch resume(old, e) {
	case resumeHere:
		return old.Seq, nil
	case resumeGap:
		next.Seq = e.first - 1
	case resumeOther:
		if next, err = since(ctx, c.s.bus, src.stream, src.filter(c.ref.account), old.At); err != nil {
			return 0, err
		}
	}
	c.log.Warn("messages for a destination were missed: the log no longer has them", "source", src.name, "after", old.Seq,
		"next", next.Seq+1)
	if src.lines != nil {
		c.missed("Messages after " + text(old) + " were deleted from the log before they were sent.")
	}
	if src.results {
		reset, err := event.OfReset(c.ref.account, text(old), text(next), c.s.clock.Now(), c.s.cfg.ConsoleURL)
		if err != nil {
			return 0, err
		}
		if err := c.deliver(ctx, reset); err != nil {
			return 0, err
		}
	}
	c.setPosition(src.name, next)
	return next.Seq, nil
}

// settled returns the extent of a stream once it reaches a position, or after a time in which it does not.
func (c *courier) settled(ctx context.Context, stream string, p proto.DeliveryPosition) (extent, error) {
	for start := time.Now(); ; {
		e, err := extentOf(ctx, c.s.bus, stream)
		if err != nil || p.Created != e.created || p.Seq <= e.last || time.Since(start) > setBackWithin {
			return e, err
		}
		select {
		case <-ctx.Done():
			return e, context.Cause(ctx)
		case <-time.After(time.Second):
		}
	}
}

// message delivers the events of a message.
func (c *courier) message(ctx context.Context, src source, m *bus.Msg) error {
	events, err := src.events(c.s, c.ref.account, m)
	if bus.IsPermanent(err) {
		c.s.bus.Unreadable(m.Stream, m.Subject, m.Seq, err)
		reset, err := event.OfReset(c.ref.account, text(proto.DeliveryPosition{Seq: m.Seq - 1}),
			text(proto.DeliveryPosition{Seq: m.Seq}), m.Time, c.s.cfg.ConsoleURL)
		if err != nil {
			return err
		}
		events = []event.Event{reset}
	} else if err != nil {
		return err
	}
	for _, e := range events {
		if err := c.deliver(ctx, e); err != nil {
			return err
		}
	}
	c.passed(ctx, src.name, m)
	return nil
}

// deliver sends an event until the receiver accepts it. An event that the destination does not want counts as accepted.
func (c *courier) deliver(ctx context.Context, e event.Event) error {
	if c.target != nil && !c.target.wants(e.Type) {
		return nil
	}
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	attempts, next := c.waiting(e)
	for {
		if err := c.sleep(ctx, next); err != nil {
			return err
		}
		if err := c.owned(); err != nil {
			return err
		}
		a := attempt{problem: c.problem}
		if c.target != nil {
			a = c.attempt(ctx, e)
		}
		if ctx.Err() != nil && a.response.Status == 0 {
			return context.Cause(ctx) // cut short by the end of the courier
		}
		attempts++
		now := c.s.clock.Now()
		d := retry.Decide(a.response, attempts, now, rand.Float64())
		c.s.metrics.attempt(d.Verdict, a)
		if d.Verdict == retry.Delivered {
			c.succeeded(now)
			return nil
		}
		next = now.Add(d.Delay)
		if err := c.failed(ctx, e, a, attempts, now, next, d); err != nil {
			return err
		}
	}
}

// grace is how long an attempt may go on after the end of the courier. Otherwise each edit of a destination could have
// a message sent twice.
const grace = time.Second

// attempt makes an attempt.
func (c *courier) attempt(ctx context.Context, e event.Event) attempt {
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })()
	return c.s.sender.send(own, c.target, e)
}

// sleep waits until a time by the service's clock.
func (c *courier) sleep(ctx context.Context, until time.Time) error {
	if d := until.Sub(c.s.clock.Now()); d > 0 {
		select {
		case <-ctx.Done():
		case <-c.s.clock.After(d):
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// failed stores a failed attempt. It returns an error if the destination is disabled, or lost.
func (c *courier) failed(ctx context.Context, e event.Event, a attempt, attempts int, now, next time.Time,
	d retry.Decision) error {
	c.log.Warn("delivery failed", "event", e.ID, "type", e.Type, "attempts", attempts, "status", a.response.Status,
		"problem", a.problem, "next", next)
	c.edit(func(s *proto.Delivery) {
		s.Waiting, s.WaitingSince, s.Attempts = e.ID, proto.At(e.At), attempts
		s.NextAt = proto.At(next)
		s.LastError, s.LastStatus, s.LastErrorAt = a.problem, a.response.Status, proto.At(now)
		s.Failed++
		if d.Verdict == retry.Disable {
			s.Disabled, s.DisabledAt, s.DisabledRevision = d.Reason, proto.At(now), c.rec.Revision
			s.Attempts, s.NextAt = 0, 0
		}
	})
	if err := c.save(ctx); err != nil {
		return err
	}
	if d.Verdict == retry.Disable {
		c.log.Error("destination disabled", "reason", d.Reason)
		return errDisabled
	}
	return nil
}

func (c *courier) key() string { return topology.DeliveryKey(c.ref.account, c.ref.id) }
