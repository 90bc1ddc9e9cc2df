package dispatcher

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/dispatcher/dataset"
)

// uploader delivers the lines of a source in batches.
type uploader struct {
	c       *courier
	src     source
	in      chan piece
	pending atomic.Int64 // messages that were read and are not delivered
	facts   pageFacts
}

// upload reads a source with t and delivers its lines until ctx ends.
func (c *courier) upload(ctx context.Context, src source, t *bus.Tail) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	u := &uploader{c: c, src: src, in: make(chan piece)}
	t.Apply = func(m *bus.Msg) error { return u.message(ctx, m) }
	// A message counts as pending before the reader's position includes it.
	c.setRead(src.name, func() uint64 {
		read := t.Read()
		if u.pending.Load() != 0 {
			return 0
		}
		return read
	})
	var delivering sync.WaitGroup
	delivering.Go(func() { cancel(u.run(ctx)) })
	err := t.Run(ctx)
	cancel(err)
	delivering.Wait()
	if err == nil {
		err = context.Cause(ctx)
	}
	return err
}

// message hands a message to run.
func (u *uploader) message(ctx context.Context, m *bus.Msg) error {
	p := piece{seq: m.Seq, at: m.Time}
	var err error
	p.text, p.lines, err = u.render(ctx, m)
	if bus.IsPermanent(err) {
		u.c.s.bus.Unreadable(m.Stream, m.Subject, m.Seq, err)
		u.c.missed("A message of the log cannot be read and was left out.")
	} else if err != nil {
		return err
	}
	u.pending.Add(1)
	select {
	case u.in <- p:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (u *uploader) render(ctx context.Context, m *bus.Msg) ([]byte, int, error) {
	if u.c.target == nil {
		return nil, 1, nil // the attempt to deliver it reports the problem
	}
	return u.src.lines(ctx, u, m)
}

// run delivers batches until ctx ends or a delivery fails for good.
func (u *uploader) run(ctx context.Context) error {
	limits := boundsOf(u.c.rec.Value.Upload)
	b := &batch{bounds: limits}
	var due <-chan time.Time
	deliver := func() error {
		err := u.deliver(ctx, b)
		b, due = &batch{bounds: limits}, nil
		return err
	}
	for {
		var err error
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-due:
			err = deliver()
		case p := <-u.in:
			if !b.fits(p) {
				err = deliver()
			}
			if err == nil {
				err = b.add(p)
			}
			switch {
			case err != nil:
			case b.lines == 0: // nothing to send
				err = deliver()
			case b.full():
				err = deliver()
			case due == nil:
				due = u.c.s.clock.After(limits.interval)
			}
		}
		if err != nil {
			return err
		}
	}
}

// deliver delivers a batch and records that its messages were delivered.
func (u *uploader) deliver(ctx context.Context, b *batch) error {
	if b.lines > 0 {
		e, err := b.event(u.c.ref.account, u.c.ref.id)
		if err != nil {
			return err
		}
		if err := u.c.deliver(ctx, e); err != nil {
			return err
		}
	}
	p, _ := u.c.position(u.src.name)
	p.Seq, p.At = b.last.seq, proto.At(b.last.at)
	u.c.setPosition(u.src.name, p)
	u.pending.Add(-b.messages)
	return nil
}

// ofResults renders the lines of a change of results.
func ofResults(ctx context.Context, u *uploader, m *bus.Msg) ([]byte, int, error) {
	ref, err := topology.ParseChange(m.Subject)
	if err != nil {
		return nil, 0, bus.Permanent(err)
	}
	var c proto.Change
	if err := m.Decode(&c); err != nil {
		return nil, 0, err
	}
	change := dataset.Change{Ref: ref, Change: &c, Seq: m.Seq}
	if check, found := u.c.s.catalog.Check(u.c.ref.account, ref.Check); found {
		change.Check = check.Value
	}
	if u.c.target.lines.UseDevices() {
		if change.Devices, err = u.facts.of(ctx, u.c.s.bus, ref.Account, ref.Page); err != nil {
			return nil, 0, err
		}
	}
	return u.c.target.lines.OfChange(change)
}

// ofRequest renders the line of a request for an application.
func ofRequest(_ context.Context, u *uploader, m *bus.Msg) ([]byte, int, error) {
	var a proto.Authentication
	if err := m.Decode(&a); err != nil {
		return nil, 0, err
	}
	return u.c.target.lines.OfAccess(&a, m.Seq)
}

// pageFacts holds the devices of the page that was read last: the changes of a page's checks follow each other.
type pageFacts struct {
	page    topology.PageNumber
	until   time.Time
	devices map[proto.ID]*proto.Device
}

// factsFor is how long the devices of a page are used again.
const factsFor = 2 * time.Second

func (f *pageFacts) of(ctx context.Context, c *bus.Conn, a proto.Account, n topology.PageNumber) (
	map[proto.ID]*proto.Device, error) {
	if f.devices != nil && f.page == n && time.Now().Before(f.until) {
		return f.devices, nil
	}
	var page proto.Page
	_, err := c.Get(ctx, topology.Devices, topology.PageKey(a, n), &page)
	if err != nil && !errors.Is(err, bus.ErrNotFound) && !bus.IsPermanent(err) {
		return nil, err
	}
	devices := make(map[proto.ID]*proto.Device, len(page.Devices)+len(page.Revoked))
	for _, list := range [][]proto.Device{page.Devices, page.Revoked} {
		for i := range list {
			devices[list[i].ID] = &list[i]
		}
	}
	*f = pageFacts{page: n, until: time.Now().Add(factsFor), devices: devices}
	return devices, nil
}
