package registry

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/bus/view"
	"plumbline.dev/proto"
)

// index is the registry's memory of the DEVICES bucket: the page of each device, and the cursor. Only the watch of the
// bucket changes it, even for the registry's own commits. It costs about 60 bytes a device.
//
// A commit's cursor is its last message: an index with a cursor has the pages committed with it and before it.
type index struct {
	*view.View
	log *slog.Logger

	mu       sync.RWMutex
	accounts map[proto.Account]*inventory
	cursor   proto.Cursor
	fence    uint64 // the cursor's revision; 0: there is none yet
	lost     error  // why the cursor cannot be read: no command can be applied
}

// inventory is one account's part of the index.
type inventory struct {
	where map[proto.ID]topology.PageNumber
	// pages are by number. A page never written is a gap: an empty page of revision 0.
	pages []pageRecord
	// damaged holds the unreadable pages. With one of them the account's devices are not known.
	damaged map[topology.PageNumber]error
}

type pageRecord struct {
	revision uint64
	bytes    int // of the stored page
	sum      uint32
	ids      []proto.ID
}

// maxPageNumber keeps one absurd key from taking the memory of a billion devices.
const maxPageNumber = 1 << 20

func newIndex(conn *bus.Conn, log *slog.Logger) *index {
	x := &index{log: log, accounts: map[proto.Account]*inventory{}}
	x.View = view.New(conn, topology.Devices, []string{">"}, x.apply)
	return x
}

func newInventory() *inventory {
	return &inventory{where: map[proto.ID]topology.PageNumber{}, damaged: map[topology.PageNumber]error{}}
}

// apply handles one update of the bucket. It returns an error if the record is unreadable. An unreadable page stops its
// account only; an unreadable cursor stops commands until it is repaired.
func (x *index) apply(u bus.Update) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if u.Key == topology.CursorKey {
		x.cursor, x.fence, x.lost = proto.Cursor{}, u.Revision, nil
		if u.Deleted {
			return nil
		}
		if err := u.Decode(&x.cursor); err != nil {
			x.lost = fmt.Errorf("the registry cannot read how far it has come, in key %s of DEVICES: %w", u.Key, err)
			return err
		}
		return nil
	}
	account, n, err := topology.ParsePageKey(u.Key)
	if err != nil {
		return err
	}
	inv := x.accounts[account]
	if inv == nil {
		inv = newInventory()
		x.accounts[account] = inv
	}
	var page proto.Page
	if !u.Deleted {
		err = u.Decode(&page)
	}
	if err == nil && n >= maxPageNumber {
		err = fmt.Errorf("page numbers end at %d", maxPageNumber-1)
	}
	if err == nil {
		err = inv.set(n, u.Revision, u.Value, slices.Concat(page.Devices, page.Revoked))
	}
	if err != nil {
		inv.damaged[n] = err
		x.log.Error("a page cannot be read; commands of its account go to the dead letters until it is mended",
			"account", account, "page", n, "revision", u.Revision, "err", err)
		return err
	}
	delete(inv.damaged, n)
	return nil
}

// set replaces the devices of a page in the index.
func (inv *inventory) set(n topology.PageNumber, revision uint64, stored []byte, devices []proto.Device) error {
	ids := make([]proto.ID, len(devices))
	now := make(map[proto.ID]struct{}, len(devices))
	for i := range devices {
		ids[i] = devices[i].ID
		now[ids[i]] = struct{}{}
	}
	if len(now) != len(ids) {
		return fmt.Errorf("a device is in the page twice")
	}
	for len(inv.pages) <= int(n) {
		inv.pages = append(inv.pages, pageRecord{})
	}
	for _, id := range inv.pages[n].ids {
		// A moved device is already in its new page if the new page was written first.
		if _, stays := now[id]; !stays && inv.where[id] == n {
			delete(inv.where, id)
		}
	}
	for _, id := range ids {
		inv.where[id] = n
	}
	inv.pages[n] = pageRecord{revision: revision, bytes: len(stored), ids: ids}
	if stored != nil {
		inv.pages[n].sum = proto.MarkPage(stored, len(ids)).Sum
	}
	return nil
}

// damage is why the account's devices are not known, nil if they are.
func (inv *inventory) damage() error {
	for n, err := range inv.damaged {
		return fmt.Errorf("page %d: %w", n, err)
	}
	return nil
}

// await waits until the index is in sync and has seen a revision.
func (x *index) await(ctx context.Context, revision uint64) error {
	if err := x.Await(ctx); err != nil {
		return err
	}
	return x.AwaitRevision(ctx, revision)
}

// of returns an account's inventory, possibly empty. The lock is held.
func (x *index) of(a proto.Account) *inventory {
	if inv := x.accounts[a]; inv != nil {
		return inv
	}
	return newInventory()
}

type count struct{ devices, pages int }

// counts are the devices and pages of each account.
func (x *index) counts() map[proto.Account]count {
	x.mu.RLock()
	defer x.mu.RUnlock()
	counts := make(map[proto.Account]count, len(x.accounts))
	for a, inv := range x.accounts {
		counts[a] = count{devices: len(inv.where), pages: len(inv.pages)}
	}
	return counts
}
