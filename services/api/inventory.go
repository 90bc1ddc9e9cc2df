package api

import (
	"bytes"
	"context"
	"log/slog"
	"slices"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// inventory knows which page each device is in: a view of the DEVICES bucket that keeps nothing but ids,
// 16 bytes a device, sorted within their page. 1,000,000 devices are 16 MB, and a lookup in their 1,000
// pages takes some 50 µs. It is safe for concurrent use.
type inventory struct {
	conn *bus.Conn
	log  *slog.Logger

	progress
	pages map[proto.Account]map[topology.PageNumber][]proto.ID
}

func newInventory(conn *bus.Conn, log *slog.Logger) *inventory {
	return &inventory{conn: conn, log: log, pages: map[proto.Account]map[topology.PageNumber][]proto.ID{}, progress: newProgress(topology.Devices)}
}

// Run keeps the view up to date until ctx ends.
func (v *inventory) Run(ctx context.Context) error {
	if err := v.conn.AwaitTopology(ctx, topology.BucketStream(topology.Devices)); err != nil {
		return err
	}
	return v.conn.Watch(ctx, topology.Devices, []string{">"}, v.apply, v.caughtUp)
}

func (v *inventory) apply(u bus.Update) error {
	var ids []proto.ID
	account, page, notPage := topology.ParsePageKey(u.Key) // the registry's cursor is no page
	if notPage == nil && !u.Deleted {
		var p proto.Page
		if err := u.Decode(&p); err != nil {
			v.log.Error("DEVICES holds a page that cannot be read", "key", u.Key, "revision", u.Revision, "err", err)
		}
		ids = make([]proto.ID, len(p.Devices))
		for n := range p.Devices {
			ids[n] = p.Devices[n].ID
		}
		slices.SortFunc(ids, compareIDs)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.saw(u.Revision)
	switch {
	case notPage != nil:
	case u.Deleted:
		delete(v.pages[account], page)
	default:
		if v.pages[account] == nil {
			v.pages[account] = map[topology.PageNumber][]proto.ID{}
		}
		v.pages[account][page] = ids
	}
	return nil
}

func compareIDs(a, b proto.ID) int { return bytes.Compare(a[:], b[:]) }

// find gives the page that a device is in.
func (v *inventory) find(a proto.Account, id proto.ID) (topology.PageNumber, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	for page, ids := range v.pages[a] {
		if _, found := slices.BinarySearchFunc(ids, id, compareIDs); found {
			return page, true
		}
	}
	return 0, false
}

// has tells whether a page exists.
func (v *inventory) has(a proto.Account, page topology.PageNumber) bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	_, found := v.pages[a][page]
	return found
}

// size counts an account's pages and devices.
func (v *inventory) size(a proto.Account) (pages, devices int) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	for _, ids := range v.pages[a] {
		devices += len(ids)
	}
	return len(v.pages[a]), devices
}
