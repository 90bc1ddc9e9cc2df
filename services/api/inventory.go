package api

import (
	"bytes"
	"context"
	"hash/fnv"
	"io"
	"log/slog"
	"slices"
	"strings"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// inventory knows which page each device is in: a view of the DEVICES bucket that keeps, for each device, its
// id and a hash of its address, 20 bytes, ordered within their page. 1,000,000 devices are 20 MB, and a lookup
// in their 1,000 pages takes some 50 µs. Everything else is read from the bucket when it is asked for. It is
// safe for concurrent use.
type inventory struct {
	conn *bus.Conn
	log  *slog.Logger

	progress
	pages map[proto.Account]map[topology.PageNumber]*indexedPage
}

// indexedPage is what the view keeps of a page. It is never modified.
type indexedPage struct {
	revision uint64
	ids      []proto.ID // of its devices, sorted, then of those that are revoked, sorted
	active   int        // how many of them are not revoked
	emails   []uint32   // the hash of each one's address
}

func newInventory(conn *bus.Conn, log *slog.Logger) *inventory {
	return &inventory{conn: conn, log: log, pages: map[proto.Account]map[topology.PageNumber]*indexedPage{}, progress: newProgress(topology.Devices)}
}

// Run keeps the view up to date until ctx ends.
func (v *inventory) Run(ctx context.Context) error {
	if err := v.conn.AwaitTopology(ctx, topology.BucketStream(topology.Devices)); err != nil {
		return err
	}
	return v.conn.Watch(ctx, topology.Devices, []string{">"}, v.apply, v.caughtUp)
}

func (v *inventory) apply(u bus.Update) error {
	var indexed *indexedPage
	account, page, notPage := topology.ParsePageKey(u.Key) // the registry's cursor is no page
	if notPage == nil && !u.Deleted {
		var p proto.Page
		if err := u.Decode(&p); err != nil {
			v.conn.Unreadable(topology.BucketStream(topology.Devices), u.Key, u.Revision, err)
			p = proto.Page{}
		}
		indexed = indexPage(&p, u.Revision)
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
			v.pages[account] = map[topology.PageNumber]*indexedPage{}
		}
		v.pages[account][page] = indexed
	}
	return nil
}

func indexPage(p *proto.Page, revision uint64) *indexedPage {
	n := len(p.Devices) + len(p.Revoked)
	x := &indexedPage{revision: revision, ids: make([]proto.ID, 0, n), active: len(p.Devices), emails: make([]uint32, 0, n)}
	for _, list := range [][]proto.Device{p.Devices, p.Revoked} {
		slices.SortFunc(list, compareDevices)
		for i := range list {
			x.ids, x.emails = append(x.ids, list[i].ID), append(x.emails, emailHash(list[i].Email))
		}
	}
	return x
}

func compareIDs(a, b proto.ID) int { return bytes.Compare(a[:], b[:]) }

func compareDevices(a, b proto.Device) int { return compareIDs(a.ID, b.ID) }

// emailHash is one of an address in any case; 0 where there is none.
func emailHash(email string) uint32 {
	if email == "" {
		return 0
	}
	h := fnv.New32a()
	_, _ = io.WriteString(h, strings.ToLower(email))
	return h.Sum32() | 1
}

// has tells whether the page has a device; revoked ones are asked for apart.
func (x *indexedPage) has(id proto.ID, revoked bool) bool {
	ids := x.ids[:x.active]
	if revoked {
		ids = x.ids[x.active:]
	}
	_, found := slices.BinarySearchFunc(ids, id, compareIDs)
	return found
}

// find gives the page that a device is in, a revoked one too.
func (v *inventory) find(a proto.Account, id proto.ID) (topology.PageNumber, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	for page, x := range v.pages[a] {
		if x.has(id, false) || x.has(id, true) {
			return page, true
		}
	}
	return 0, false
}

// selected gives the pages from one on of which want says that they may hold what is looked for, in order.
func (v *inventory) selected(a proto.Account, from topology.PageNumber, want func(*indexedPage) bool) []topology.PageNumber {
	v.mu.RLock()
	defer v.mu.RUnlock()
	var pages []topology.PageNumber
	for n, x := range v.pages[a] {
		if n >= from && len(x.ids) > 0 && want(x) {
			pages = append(pages, n)
		}
	}
	slices.Sort(pages)
	return pages
}

// revisionOf is the newest of a page that the view has seen; 0 where it has none.
func (v *inventory) revisionOf(a proto.Account, page topology.PageNumber) uint64 {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if x := v.pages[a][page]; x != nil {
		return x.revision
	}
	return 0
}

// has tells whether a page exists.
func (v *inventory) has(a proto.Account, page topology.PageNumber) bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	_, found := v.pages[a][page]
	return found
}

// enrolledFor counts the devices, revoked ones left out, of people by the hashes of their addresses.
func (v *inventory) enrolledFor(a proto.Account, counts map[uint32]int) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	for _, x := range v.pages[a] {
		for _, hash := range x.emails[:x.active] {
			if n, asked := counts[hash]; asked {
				counts[hash] = n + 1
			}
		}
	}
}

// size counts an account's pages, and its devices that are not revoked.
func (v *inventory) size(a proto.Account) (pages, devices int) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	for _, x := range v.pages[a] {
		devices += x.active
	}
	return len(v.pages[a]), devices
}

// revoked counts an account's revoked devices.
func (v *inventory) revoked(a proto.Account) (n int) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	for _, x := range v.pages[a] {
		n += len(x.ids) - x.active
	}
	return n
}
