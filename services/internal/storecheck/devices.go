package storecheck

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/pagemarks"
)

var devicesStream = topology.BucketStream(topology.Devices)

// heldPage is a page in the bucket.
type heldPage struct {
	revision uint64
	mark     proto.PageMark
	message  *bus.Msg // set for pages not matching their marks only
}

// devices compares the pages with the registry's cursor, and the cursor with the commands.
func (c *checker) devices(ctx context.Context) error {
	// A command is settled after the cursor has passed it, so this must be read first.
	settled, err := c.settled(ctx)
	if err != nil {
		return err
	}
	seen, err := c.seen(ctx, topology.Devices, c.newest.page)
	if err != nil {
		return err
	}
	cursor, revision, err := c.cursor(ctx)
	if err != nil {
		return err
	}
	found := len(c.losses)
	if cursor == nil && settled > 0 || cursor != nil && cursor.Counted && cursor.Seq < settled {
		c.cursorLost(cursor, settled, seen)
	}
	if cursor == nil {
		cursor = new(proto.Cursor)
	}
	if err := c.pages(ctx, cursor, revision, seen); err != nil {
		return err
	}
	return c.endLost(ctx, topology.Devices, seen, len(c.losses) > found)
}

// settled returns the sequence of the newest command applied or set aside.
func (c *checker) settled(ctx context.Context) (uint64, error) {
	commands, err := c.standing(ctx, topology.DeviceCommands)
	if err != nil {
		return 0, err
	}
	if commands.messages == 0 {
		return commands.last, nil
	}
	return commands.first - 1, nil
}

// cursor reads the registry's cursor. It returns nil if it is missing or unreadable.
func (c *checker) cursor(ctx context.Context) (*proto.Cursor, uint64, error) {
	m, err := c.conn.LeaderLast(ctx, devicesStream, topology.BucketSubject(topology.Devices, topology.CursorKey))
	if bus.Answered(err) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("check DEVICES: %w", err)
	}
	cursor := new(proto.Cursor)
	if m.Deleted() || bus.IsPermanent(m.Decode(cursor)) {
		return nil, m.Seq, nil
	}
	return cursor, m.Seq, nil
}

func (c *checker) cursorLost(cursor *proto.Cursor, settled, seen uint64) {
	what := fmt.Sprintf("DEVICES: the registry's cursor is lost, and with it the newest devices: "+
		"commands up to %d were applied", settled)
	if cursor != nil {
		what = fmt.Sprintf("DEVICES: commands up to %d were applied, and the bucket has what they did up to %d: "+
			"the newest devices, changes and removals of devices are lost", settled, cursor.Seq)
	}
	c.lost(what, func(ctx context.Context) error {
		if err := c.advance(ctx, topology.Devices, seen); err != nil {
			return err
		}
		next := &proto.Cursor{Seq: settled, Done: true, Answer: proto.CommandAnswer{Seq: settled},
			StoredAt: proto.At(time.Now())}
		_, err := c.conn.Publish(ctx, bus.Outgoing{Subject: topology.BucketSubject(topology.Devices, topology.CursorKey),
			Body: next})
		return err
	})
}

// pageSubject returns the subject of a page.
func pageSubject(a proto.Account, n topology.PageNumber) string {
	return topology.BucketSubject(topology.Devices, topology.PageKey(a, n))
}

// pages compares the pages with their marks, and with the revisions used by entries.
func (c *checker) pages(ctx context.Context, cursor *proto.Cursor, revision, seen uint64) error {
	held := map[string]heldPage{}
	unread, err := c.unread(ctx, devicesStream, topology.BucketSubject(topology.Devices, ">"), func(m *bus.Msg) error {
		if m.Subject != topology.BucketSubject(topology.Devices, topology.CursorKey) {
			held[m.Subject] = holdPage(m)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(unread) > 0 {
		c.broken[topology.Devices] = seen
	}
	for _, l := range c.lostPages(cursor, revision, held) {
		// The replica may have been lagging.
		m, err := c.conn.LeaderLast(ctx, devicesStream, pageSubject(l.Account, l.Page))
		switch {
		case bus.Answered(err):
			held[pageSubject(l.Account, l.Page)] = heldPage{}
		case err != nil:
			return fmt.Errorf("check DEVICES: %w", err)
		default:
			p := holdPage(m)
			p.message = m
			held[m.Subject] = p
		}
	}
	byAccount := map[proto.Account][]pagemarks.Loss{}
	for _, l := range c.lostPages(cursor, revision, held) {
		byAccount[l.Account] = append(byAccount[l.Account], l)
	}
	for _, lost := range byAccount {
		c.lost(pagemarks.Describe(lost)[0], func(ctx context.Context) error {
			if err := c.advance(ctx, topology.Devices, seen); err != nil {
				return err
			}
			for _, l := range lost {
				if err := c.touch(ctx, pageSubject(l.Account, l.Page), held[pageSubject(l.Account, l.Page)].message); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return nil
}

// lostPages returns the pages not matching the cursor, and those older than the revision used by an entry.
func (c *checker) lostPages(cursor *proto.Cursor, revision uint64, held map[string]heldPage) []pagemarks.Loss {
	all := map[string]pagemarks.Loss{}
	for key, e := range c.newest.pages {
		subject := pageSubject(key.Account, key.Page)
		if at := held[subject].revision; at < e.revision {
			all[subject] = pagemarks.Loss{Account: key.Account, Page: key.Page, Devices: e.devices, Older: at != 0}
		}
	}
	mark := func(a proto.Account, n topology.PageNumber) (uint64, proto.PageMark) {
		p := held[pageSubject(a, n)]
		return p.revision, p.mark
	}
	for _, l := range pagemarks.Find(cursor, revision, mark) {
		all[pageSubject(l.Account, l.Page)] = l
	}
	return slices.SortedFunc(maps.Values(all), func(a, b pagemarks.Loss) int {
		return cmp.Or(bytes.Compare(a.Account[:], b.Account[:]), cmp.Compare(a.Page, b.Page))
	})
}

func holdPage(m *bus.Msg) heldPage {
	if m.Deleted() {
		return heldPage{revision: m.Seq}
	}
	var page proto.Page
	if err := m.Decode(&page); err != nil {
		return heldPage{revision: m.Seq, mark: proto.MarkPage(m.Data, 0)}
	}
	return heldPage{revision: m.Seq, mark: proto.MarkPage(m.Data, len(page.Devices)+len(page.Revoked))}
}

// touch writes a key of a bucket again without a change, or deletes it again if there is no message. Readers then see
// it as the newest message.
func (c *checker) touch(ctx context.Context, subject string, m *bus.Msg) error {
	var err error
	if m == nil || m.Deleted() {
		_, err = c.conn.Publish(ctx, bus.Outgoing{Subject: subject, Header: bus.Header{"KV-Operation": {"DEL"}}})
	} else {
		err = c.conn.Forward(ctx, subject, m)
	}
	if err != nil {
		return fmt.Errorf("write %s again: %w", subject, err)
	}
	return nil
}
