package ledger

import (
	"context"
	"fmt"
	"strings"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Inventory is the content of the DEVICES bucket.
type Inventory struct {
	Pages map[topology.PageNumber]*proto.Page
	Where map[proto.ID]topology.PageNumber
}

// ReadInventory reads every page of an account, as the operator, and returns an error if invariant 1 does not hold.
// Pages are read one by one, so no device may be removed and enrolled again during the call.
func ReadInventory(ctx context.Context, conn *bus.Conn, account proto.Account) (*Inventory, error) {
	keys, err := conn.Subjects(ctx, topology.BucketStream(topology.Devices), topology.BucketSubject(topology.Devices,
		topology.PageKeys(account)))
	if err != nil {
		return nil, err
	}
	inventory := &Inventory{Pages: map[topology.PageNumber]*proto.Page{}, Where: map[proto.ID]topology.PageNumber{}}
	for subject := range keys {
		key, err := topology.KeyOf(topology.Devices, subject)
		if err != nil {
			return nil, err
		}
		_, n, err := topology.ParsePageKey(key)
		if err != nil {
			return nil, err
		}
		page := new(proto.Page) // more than 1,000 devices do not decode
		if _, err := conn.Get(ctx, topology.Devices, key, page); err != nil {
			return nil, err
		}
		inventory.Pages[n] = page
		for i := range page.Devices {
			id := page.Devices[i].ID
			if other, twice := inventory.Where[id]; twice {
				return nil, fmt.Errorf("device %s is in pages %d and %d", id, other, n)
			}
			inventory.Where[id] = n
		}
	}
	return inventory, nil
}

// Compare returns an error if the newest entries of an integration differ from the inventory: each page must have an
// entry with exactly one result per device.
func (i *Inventory) Compare(l *Ledger, account proto.Account, integration proto.ID) error {
	for n, page := range i.Pages {
		ref := topology.PageRef{Account: account, Integration: integration, Page: n}
		p := l.Page(ref)
		if p == nil {
			return fmt.Errorf("page %d has no entry", n)
		}
		if len(p.Entry.Results) != len(page.Devices) {
			return fmt.Errorf("page %d has %d devices, its newest entry %d", n, len(page.Devices), len(p.Entry.Results))
		}
		for k := range p.Entry.Results {
			if at, ok := i.Where[p.Entry.Results[k].Device]; !ok || at != n {
				return fmt.Errorf("the newest entry of page %d has device %s of page %d (enrolled: %v)", n,
					p.Entry.Results[k].Device, at, ok)
			}
		}
	}
	return nil
}

// Tick is a stored tick.
type Tick struct {
	proto.Tick
	Seq uint64
	At  time.Time // by the server's clock
}

// NewestTick reads an integration's newest tick, as the operator.
func NewestTick(ctx context.Context, conn *bus.Conn, account proto.Account, integration proto.ID) (Tick, error) {
	m, err := conn.Last(ctx, topology.PostureTicks, topology.Tick(account, integration))
	if err != nil {
		return Tick{}, err
	}
	t := Tick{Seq: m.Seq, At: m.Time}
	return t, m.Decode(&t.Tick)
}

// Backlog is the number of messages in the work queues: ticks to plan, calls to make, pages to evaluate, commands to
// execute.
type Backlog struct{ Plans, Batches, Scores, Commands uint64 }

// Empty reports whether all work queues are empty.
func (b Backlog) Empty() bool { return b == Backlog{} }

// ReadBacklog reads the backlog, as the operator.
func ReadBacklog(ctx context.Context, conn *bus.Conn) (Backlog, error) {
	var b Backlog
	for stream, into := range map[string]*uint64{
		topology.PostureBatches: &b.Batches, topology.PostureScores: &b.Scores, topology.DeviceCommands: &b.Commands,
	} {
		s, err := conn.JetStreamOf(stream).Stream(ctx, stream)
		if err != nil {
			return b, err
		}
		*into = s.CachedInfo().State.Msgs
	}
	plan, err := conn.JetStream().Consumer(ctx, topology.PostureTicks, topology.ConsumerPlan)
	if err != nil {
		return b, err
	}
	b.Plans = plan.CachedInfo().NumPending + uint64(plan.CachedInfo().NumAckPending)
	return b, nil
}

// queues describes the consumers of the work queues, to help find out why a page was left behind.
func queues(ctx context.Context, conn *bus.Conn) string {
	var text strings.Builder
	for _, name := range []string{topology.PostureTicks, topology.PostureBatches, topology.PostureScores} {
		stream, err := conn.JetStreamOf(name).Stream(ctx, name)
		if err != nil {
			fmt.Fprintf(&text, "\n  %s: %v", name, err)
			continue
		}
		fmt.Fprintf(&text, "\n  %s: %d messages, %v", name, stream.CachedInfo().State.Msgs,
			stream.CachedInfo().State.LastTime)
		for c := range stream.ListConsumers(ctx).Info() {
			fmt.Fprintf(&text, "\n    %s: %d pending, %d unacknowledged, %d redelivered, %d pulls wait, delivered %d at %v",
				c.Name, c.NumPending, c.NumAckPending, c.NumRedelivered, c.NumWaiting, c.Delivered.Stream, c.Delivered.Last)
		}
	}
	return text.String()
}
