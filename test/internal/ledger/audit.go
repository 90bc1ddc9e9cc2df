package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Audit checks one integration of an installation throughout a test.
type Audit struct {
	Ledger
	Account     proto.Account
	Integration proto.ID
	// Manual counts the polls requested by the test.
	Manual int

	tick Tick
}

// Check returns an error if the invariants 1, 2, 4 or 5 do not hold; they must hold at any time. During the call no
// device may be removed and enrolled again: pages are read one by one, so it could appear in two of them.
func (a *Audit) Check(ctx context.Context, operator, follower *bus.Conn) error {
	inventory, err := ReadInventory(ctx, operator, a.Account)
	if err != nil {
		return fmt.Errorf("invariant 1: %w", err)
	}
	if err := a.checkTick(ctx, operator); err != nil {
		return fmt.Errorf("invariant 2: %w", err)
	}
	if err := a.CatchUp(ctx, follower); err != nil {
		return fmt.Errorf("invariants 4 and 5: %w", err)
	}
	return a.checkEntries(inventory)
}

// checkTick compares the number of ticks with the number of slots. Rejected ticks have no number, and each tick of a
// schedule needs a later slot, except for the ticks requested manually. The tick numbers therefore cannot run ahead
// of the slots.
func (a *Audit) checkTick(ctx context.Context, operator *bus.Conn) error {
	tick, err := NewestTick(ctx, operator, a.Account, a.Integration)
	if errors.Is(err, bus.ErrNotFound) && a.tick.Seq == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	before := a.tick
	a.tick = tick
	manual := a.Manual
	a.Manual = 0
	switch {
	case before.Seq == 0 || tick.Schedule != before.Schedule:
		return nil
	case tick.Seq < before.Seq || tick.Slot < before.Slot:
		return fmt.Errorf("tick %d of slot %d comes after tick %d of slot %d", tick.Seq, tick.Slot, before.Seq, before.Slot)
	case int64(tick.Seq-before.Seq) > tick.Slot-before.Slot+int64(manual):
		return fmt.Errorf("%d ticks in %d slots, %d asked for", tick.Seq-before.Seq, tick.Slot-before.Slot, manual)
	}
	return nil
}

// Tick returns the newest tick seen by the last [Audit.Check].
func (a *Audit) Tick() Tick { return a.tick }

// checkEntries looks for devices in the newest entries of two pages. A device removed and enrolled again elsewhere is
// in both until it is evaluated, so only enrolled devices count.
func (a *Audit) checkEntries(inventory *Inventory) error {
	seen := map[proto.ID]topology.PageNumber{}
	for ref, p := range a.pages {
		if ref.Integration != a.Integration {
			continue
		}
		for i := range p.Entry.Results {
			device := p.Entry.Results[i].Device
			if _, enrolled := inventory.Where[device]; !enrolled {
				continue
			}
			if other, twice := seen[device]; twice {
				return fmt.Errorf("device %s has results in pages %d and %d", device, other, ref.Page)
			}
			seen[device] = ref.Page
		}
	}
	return nil
}

// Settle waits for invariant 3: each page has an entry for the tick or a newer one, with the devices of the page, and
// the state holds exactly these entries. By invariant 5 it then holds for every earlier tick.
func (a *Audit) Settle(ctx context.Context, operator, follower *bus.Conn, tick uint64) error {
	var last error
	for {
		err := a.settled(ctx, operator, follower, tick)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil || last == nil { // an error caused by the timeout is not informative
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("invariant 3: still %w; the work queues:%s", last, queues(context.WithoutCancel(ctx), operator))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (a *Audit) settled(ctx context.Context, operator, follower *bus.Conn, tick uint64) error {
	inventory, err := ReadInventory(ctx, operator, a.Account)
	if err != nil {
		return err
	}
	if err := a.CatchUp(ctx, follower); err != nil {
		return err
	}
	for n := range inventory.Pages {
		p := a.Page(a.ref(n))
		if p == nil {
			return fmt.Errorf("page %d has no entry", n)
		}
		if p.Entry.Tick < tick {
			return fmt.Errorf("the newest entry of page %d is of tick %d, not of %d", n, p.Entry.Tick, tick)
		}
		if err := a.stored(ctx, follower, n, p); err != nil {
			return err
		}
	}
	return inventory.Compare(&a.Ledger, a.Account, a.Integration)
}

// stored compares the entry of a page in the state with the entry in the log.
func (a *Audit) stored(ctx context.Context, follower *bus.Conn, n topology.PageNumber, p *Page) error {
	m, err := follower.Last(ctx, topology.PostureState, topology.Log(a.ref(n)))
	if err != nil {
		return err
	}
	seq, err := bus.LogSequence(m)
	if err != nil {
		return err
	}
	if seq < p.Seq {
		return fmt.Errorf("the state of page %d is entry %d, the log's newest is %d", n, seq, p.Seq)
	}
	return nil
}

func (a *Audit) ref(n topology.PageNumber) topology.PageRef {
	return topology.PageRef{Account: a.Account, Integration: a.Integration, Page: n}
}
