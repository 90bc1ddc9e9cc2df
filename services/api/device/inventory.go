package device

import (
	"bytes"
	"hash/fnv"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/bus/view"
	"plumbline.dev/proto"
)

// Inventory maps devices to their pages. It is a view of the DEVICES bucket that holds an id and a hash of the e-mail
// address for each device, 20 bytes, sorted by page. 1,000,000 devices take 20 MB, and a lookup in their 1,000 pages
// takes about 50 µs. Everything else is read from the bucket at each request. It is safe for concurrent use.
type Inventory struct {
	*view.View
	conn *bus.Conn
	log  *slog.Logger

	mu    sync.RWMutex
	Pages map[proto.Account]map[topology.PageNumber]*indexedPage
}

// indexedPage is the indexed part of a page. It is immutable.
type indexedPage struct {
	Revision uint64
	IDs      []proto.ID // sorted ids of active devices, then of revoked ones
	Active   int        // number of active devices
	Emails   []uint32   // hash of each device's address
}

func newInventory(conn *bus.Conn, log *slog.Logger) *Inventory {
	v := &Inventory{conn: conn, log: log, Pages: map[proto.Account]map[topology.PageNumber]*indexedPage{}}
	v.View = view.New(conn, topology.Devices, []string{">"}, v.apply)
	return v
}

func (v *Inventory) apply(u bus.Update) error {
	var indexed *indexedPage
	var unreadable error
	account, page, notPage := topology.ParsePageKey(u.Key) // the registry's cursor is not a page
	if notPage == nil && !u.Deleted {
		var p proto.Page
		if unreadable = u.Decode(&p); unreadable != nil {
			p = proto.Page{}
		}
		indexed = indexPage(&p, u.Revision)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case notPage != nil:
	case u.Deleted:
		delete(v.Pages[account], page)
	default:
		if v.Pages[account] == nil {
			v.Pages[account] = map[topology.PageNumber]*indexedPage{}
		}
		v.Pages[account][page] = indexed
	}
	return unreadable
}

// indexPage returns the indexed part of a page. It sorts the devices of the page.
func indexPage(p *proto.Page, revision uint64) *indexedPage {
	n := len(p.Devices) + len(p.Revoked)
	x := &indexedPage{Revision: revision, IDs: make([]proto.ID, 0, n), Active: len(p.Devices),
		Emails: make([]uint32, 0, n)}
	for _, list := range [][]proto.Device{p.Devices, p.Revoked} {
		slices.SortFunc(list, compareDevices)
		for i := range list {
			x.IDs, x.Emails = append(x.IDs, list[i].ID), append(x.Emails, EmailHash(list[i].Email))
		}
	}
	return x
}

// CompareIDs orders ids by their bytes.
func CompareIDs(a, b proto.ID) int { return bytes.Compare(a[:], b[:]) }

func compareDevices(a, b proto.Device) int { return CompareIDs(a.ID, b.ID) }

// EmailHash returns a hash of an address, ignoring case, or 0 if it is empty.
func EmailHash(email string) uint32 {
	if email == "" {
		return 0
	}
	h := fnv.New32a()
	_, _ = io.WriteString(h, strings.ToLower(email))
	return h.Sum32() | 1
}

// has reports whether the page has a device, either among the revoked or among the active ones.
func (x *indexedPage) has(id proto.ID, revoked bool) bool {
	ids := x.IDs[:x.Active]
	if revoked {
		ids = x.IDs[x.Active:]
	}
	_, found := slices.BinarySearchFunc(ids, id, CompareIDs)
	return found
}

// PageOf returns the page of a device, even a revoked one.
func (v *Inventory) PageOf(a proto.Account, id proto.ID) (topology.PageNumber, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	for page, x := range v.Pages[a] {
		if x.has(id, false) || x.has(id, true) {
			return page, true
		}
	}
	return 0, false
}

// selected returns the pages, in order, starting at from, for which want reports true.
func (v *Inventory) selected(a proto.Account, from topology.PageNumber,
	want func(*indexedPage) bool) []topology.PageNumber {
	v.mu.RLock()
	defer v.mu.RUnlock()
	var pages []topology.PageNumber
	for n, x := range v.Pages[a] {
		if n >= from && len(x.IDs) > 0 && want(x) {
			pages = append(pages, n)
		}
	}
	slices.Sort(pages)
	return pages
}

// PagesFrom returns the pages with a device, in order, starting at from.
func (v *Inventory) PagesFrom(a proto.Account, from topology.PageNumber) []topology.PageNumber {
	return v.selected(a, from, func(*indexedPage) bool { return true })
}

// IDsOf returns the ids of a page at a revision, those of active devices first, or nil if the view has another
// revision. They must not be modified.
func (v *Inventory) IDsOf(a proto.Account, page topology.PageNumber, revision uint64) []proto.ID {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if x := v.Pages[a][page]; x != nil && x.Revision == revision {
		return x.IDs
	}
	return nil
}

// PagesOf returns the pages, in order, with an active device for which want reports true, by its id and by the hash of
// its address ([EmailHash]).
func (v *Inventory) PagesOf(a proto.Account, want func(id proto.ID, email uint32) bool) []topology.PageNumber {
	return v.selected(a, 0, func(x *indexedPage) bool {
		for n, id := range x.IDs[:x.Active] {
			if want(id, x.Emails[n]) {
				return true
			}
		}
		return false
	})
}

// RevisionOf returns the revision of a page in the view, or 0 if the view does not have it.
func (v *Inventory) RevisionOf(a proto.Account, page topology.PageNumber) uint64 {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if x := v.Pages[a][page]; x != nil {
		return x.Revision
	}
	return 0
}

// Has reports whether a page exists.
func (v *Inventory) Has(a proto.Account, page topology.PageNumber) bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	_, found := v.Pages[a][page]
	return found
}

// EnrolledFor adds up the active devices of people, by the hash of their address.
func (v *Inventory) EnrolledFor(a proto.Account, counts map[uint32]int) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	for _, x := range v.Pages[a] {
		for _, hash := range x.Emails[:x.Active] {
			if n, asked := counts[hash]; asked {
				counts[hash] = n + 1
			}
		}
	}
}

// Size returns the number of an account's pages and of its active devices.
func (v *Inventory) Size(a proto.Account) (pages, devices int) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	for _, x := range v.Pages[a] {
		devices += x.Active
	}
	return len(v.Pages[a]), devices
}

// revoked returns the number of an account's revoked devices.
func (v *Inventory) revoked(a proto.Account) (n int) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	for _, x := range v.Pages[a] {
		n += len(x.IDs) - x.Active
	}
	return n
}
