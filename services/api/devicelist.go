package api

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// A list of devices is read from the inventory's pages when it is asked for. In the natural order, by page and
// by id within the page, the pages of the inventory that hold the page of the list are read and no others: a
// device never moves to another page, so that who walks the list meets each device that is there all the time,
// once. A filter that the view cannot tell, or another order, reads every page, one at a time: a second for
// 1,000,000 devices, in memory for one page and one answer.

// deviceQuery says which devices, and in which order.
type deviceQuery struct {
	size       int
	active     bool // those that are not revoked
	revoked    bool
	ids        []proto.ID                 // none: all
	email      string                     // in lower case; "" any
	match      func(*proto.Device) bool   // nil: all
	sort       func(*proto.Device) string // nil: the natural order
	sortBy     string
	descending bool
	after      *deviceCursor
}

// deviceCursor is the last device of the page before. It names the order that it is a position in.
type deviceCursor struct {
	Page topology.PageNumber `json:"p,omitempty"`
	ID   proto.ID            `json:"i"`
	Sort string              `json:"s,omitempty"`
	Desc bool                `json:"d,omitempty"`
	Key  string              `json:"k,omitempty"`
}

func (d *deviceCursor) String() string {
	b, _ := json.Marshal(d) // of text and numbers
	return base64.RawURLEncoding.EncodeToString(b)
}

func parseDeviceCursor(text string, q *deviceQuery) (*deviceCursor, error) {
	if text == "" {
		return nil, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	d := new(deviceCursor)
	if err != nil || json.Unmarshal(b, d) != nil || d.Sort != q.sortBy || d.Desc != q.descending {
		return nil, invalid("cursor must be result_info.cursor of the page before, of the same order")
	}
	return d, nil
}

// cursorInfo goes with a list that is walked by cursor (api/README.md 1.4).
type cursorInfo struct {
	Count   int    `json:"count"`
	Cursor  string `json:"cursor"`
	PerPage int    `json:"per_page"`
	Total   *int   `json:"total_count"` // null where only a count of them all could tell
}

// place is a device and where it is.
type place struct {
	page   topology.PageNumber
	key    string
	device *proto.Device
}

// listDevices gives one page of a list.
func (s *Service) listDevices(ctx context.Context, a proto.Account, q *deviceQuery) ([]place, cursorInfo, error) {
	info := cursorInfo{PerPage: q.size}
	if err := s.freshInventory(ctx); err != nil {
		return nil, info, err
	}
	if !q.scans() {
		if q.email == "" && len(q.ids) == 0 {
			info.Total = s.count(a, q)
		}
	} else {
		done, err := s.scanning(ctx)
		if err != nil {
			return nil, info, err
		}
		defer done()
	}
	found, err := s.find(ctx, a, q, q.size+1) // the one more tells whether it is the end
	if err != nil {
		return nil, info, err
	}
	if len(found) > q.size {
		found = found[:q.size]
		last := &found[q.size-1]
		info.Cursor = (&deviceCursor{Page: last.page, ID: last.device.ID, Sort: q.sortBy, Desc: q.descending, Key: last.key}).String()
	}
	info.Count = len(found)
	return found, info, nil
}

// maxScans bounds how many requests read the whole inventory, or much of a log, at once; the next ones wait.
const maxScans = 4

// scans tells whether the list may take every page of the inventory to make.
func (q *deviceQuery) scans() bool { return q.match != nil || q.sort != nil }

func (s *Service) count(a proto.Account, q *deviceQuery) *int {
	n := 0
	if q.active {
		_, n = s.inventory.size(a)
	}
	if q.revoked {
		n += s.inventory.revoked(a)
	}
	return &n
}

// find gives the first n of a list.
func (s *Service) find(ctx context.Context, a proto.Account, q *deviceQuery, n int) ([]place, error) {
	from := topology.PageNumber(0)
	if q.sort == nil && q.after != nil {
		from = q.after.Page
	}
	var found []place
	for _, page := range s.inventory.selected(a, from, q.mayHold) {
		p, err := s.inventoryPage(ctx, a, page)
		if err != nil {
			return nil, err
		}
		found = q.take(found, page, p, n)
		if q.sort == nil && len(found) >= n {
			break
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return found[:min(n, len(found))], nil
}

// mayHold tells whether a page may have a device that is asked for.
func (q *deviceQuery) mayHold(x *indexedPage) bool {
	from, to := 0, len(x.ids)
	if !q.active {
		from = x.active
	}
	if !q.revoked {
		to = x.active
	}
	switch {
	case from == to:
		return false
	case q.email != "" && !slices.Contains(x.emails[from:to], emailHash(q.email)):
		return false
	}
	return len(q.ids) == 0 || slices.ContainsFunc(q.ids, func(id proto.ID) bool {
		return q.active && x.has(id, false) || q.revoked && x.has(id, true)
	})
}

// take adds those of a page that are asked for. Of another order than the natural one it keeps the first n.
func (q *deviceQuery) take(found []place, page topology.PageNumber, p *proto.Page, n int) []place {
	begin := len(found)
	if q.active {
		for i := range p.Devices {
			found = q.add(found, page, &p.Devices[i])
		}
	}
	if q.revoked {
		for i := range p.Revoked {
			found = q.add(found, page, &p.Revoked[i])
		}
	}
	if q.sort == nil {
		slices.SortFunc(found[begin:], q.compare)
		return found
	}
	if len(found) > n {
		slices.SortFunc(found, q.compare)
		clear(found[n:])
		found = found[:n]
	}
	slices.SortFunc(found, q.compare)
	return found
}

func (q *deviceQuery) add(found []place, page topology.PageNumber, d *proto.Device) []place {
	switch {
	case len(q.ids) > 0 && !slices.Contains(q.ids, d.ID),
		q.email != "" && !strings.EqualFold(d.Email, q.email),
		q.match != nil && !q.match(d):
		return found
	}
	at := place{page: page, device: d}
	if q.sort != nil {
		at.key = q.sort(d)
	}
	if q.after != nil && q.compare(at, place{page: q.after.Page, key: q.after.Key, device: &proto.Device{ID: q.after.ID}}) <= 0 {
		return found
	}
	return append(found, at)
}

// compare orders devices: naturally, or by their keys and, where those are equal, by id.
func (q *deviceQuery) compare(a, b place) int {
	if q.sort == nil {
		return cmp.Or(cmp.Compare(a.page, b.page), compareIDs(a.device.ID, b.device.ID))
	}
	n := cmp.Or(strings.Compare(a.key, b.key), compareIDs(a.device.ID, b.device.ID))
	if q.descending {
		return -n
	}
	return n
}
