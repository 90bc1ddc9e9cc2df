package device

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
)

// A list of devices is read from the inventory's pages at each request. In the natural order, by page and by id within
// the page, only the inventory pages of the requested part are read. A device never moves to another page, so a client
// that reads all parts sees every device that exists throughout exactly once. A filter that is not in the view, or
// another order, reads every page, one at a time: that takes a second for 1,000,000 devices, and memory for one page
// and one response.

// Query selects devices and their order.
type Query struct {
	size       int
	Active     bool // include devices that are not revoked
	revoked    bool
	IDs        []proto.ID                 // empty: all
	Email      string                     // lower case; "" matches all
	match      func(*proto.Device) bool   // nil: all
	sort       func(*proto.Device) string // nil: natural order
	sortBy     string
	descending bool
	after      *deviceCursor
}

// deviceCursor is the last device of the previous page, with the order of the list.
type deviceCursor struct {
	Page topology.PageNumber `json:"p,omitempty"`
	ID   proto.ID            `json:"i"`
	Sort string              `json:"s,omitempty"`
	Desc bool                `json:"d,omitempty"`
	Key  string              `json:"k,omitempty"`
}

func (d *deviceCursor) String() string {
	b, _ := json.Marshal(d) // text and numbers only
	return base64.RawURLEncoding.EncodeToString(b)
}

func parseDeviceCursor(text string, q *Query) (*deviceCursor, error) {
	if text == "" {
		return nil, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	d := new(deviceCursor)
	if err != nil || json.Unmarshal(b, d) != nil || d.Sort != q.sortBy || d.Desc != q.descending {
		return nil, v4.Invalid("cursor must be result_info.cursor of the previous page, with the same order")
	}
	return d, nil
}

// Placed is a device and its page.
type Placed struct {
	Page   topology.PageNumber
	key    string
	Device *proto.Device
}

// listDevices returns one page of a list.
func (s *API) listDevices(ctx context.Context, a proto.Account, q *Query) ([]Placed, v4.CursorInfo, error) {
	info := v4.CursorInfo{PerPage: q.size}
	if err := s.Fresh(ctx); err != nil {
		return nil, info, err
	}
	if !q.scans() {
		if q.Email == "" && len(q.IDs) == 0 {
			info.Total = s.count(a, q)
		}
	} else {
		done, err := s.store.AcquireScan(ctx, a)
		if err != nil {
			return nil, info, err
		}
		defer done()
	}
	found, err := s.List(ctx, a, q, q.size+1) // one more, to detect the end
	if err != nil {
		return nil, info, err
	}
	if len(found) > q.size {
		found = found[:q.size]
		last := &found[q.size-1]
		info.Cursor = (&deviceCursor{Page: last.Page, ID: last.Device.ID, Sort: q.sortBy, Desc: q.descending,
			Key: last.key}).String()
	}
	info.Count = len(found)
	return found, info, nil
}

// scans reports whether the list may have to read every page of the inventory.
func (q *Query) scans() bool { return q.match != nil || q.sort != nil }

func (s *API) count(a proto.Account, q *Query) *int {
	n := 0
	if q.Active {
		_, n = s.Inventory.Size(a)
	}
	if q.revoked {
		n += s.Inventory.revoked(a)
	}
	return &n
}

// List returns the first n devices of a list.
func (s *API) List(ctx context.Context, a proto.Account, q *Query, n int) ([]Placed, error) {
	from := topology.PageNumber(0)
	if q.sort == nil && q.after != nil {
		from = q.after.Page
	}
	var found []Placed
	for _, page := range s.Inventory.selected(a, from, q.mayHold) {
		p, err := s.Page(ctx, a, page)
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

// mayHold reports whether a page may contain a requested device.
func (q *Query) mayHold(x *indexedPage) bool {
	from, to := 0, len(x.IDs)
	if !q.Active {
		from = x.Active
	}
	if !q.revoked {
		to = x.Active
	}
	switch {
	case from == to:
		return false
	case q.Email != "" && !slices.Contains(x.Emails[from:to], EmailHash(q.Email)):
		return false
	}
	return len(q.IDs) == 0 || slices.ContainsFunc(q.IDs, func(id proto.ID) bool {
		return q.Active && x.has(id, false) || q.revoked && x.has(id, true)
	})
}

// take appends the matching devices of a page. In an order other than the natural one it keeps only the first n.
func (q *Query) take(found []Placed, page topology.PageNumber, p *proto.Page, n int) []Placed {
	begin := len(found)
	if q.Active {
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

func (q *Query) add(found []Placed, page topology.PageNumber, d *proto.Device) []Placed {
	switch {
	case len(q.IDs) > 0 && !slices.Contains(q.IDs, d.ID),
		q.Email != "" && !strings.EqualFold(d.Email, q.Email),
		q.match != nil && !q.match(d):
		return found
	}
	at := Placed{Page: page, Device: d}
	if q.sort != nil {
		at.key = q.sort(d)
	}
	if q.after != nil && q.compare(at,
		Placed{Page: q.after.Page, key: q.after.Key, Device: &proto.Device{ID: q.after.ID}}) <= 0 {
		return found
	}
	return append(found, at)
}

// compare orders devices: in the natural order, or by key and then by id.
func (q *Query) compare(a, b Placed) int {
	if q.sort == nil {
		return cmp.Or(cmp.Compare(a.Page, b.Page), CompareIDs(a.Device.ID, b.Device.ID))
	}
	n := cmp.Or(strings.Compare(a.key, b.key), CompareIDs(a.Device.ID, b.Device.ID))
	if q.descending {
		return -n
	}
	return n
}

const maxDevices = 1000 // of one page, and ids in one request

// IDList reads ids given as id=..., id[]=..., or separated by commas.
func IDList(v url.Values, name string) ([]proto.ID, error) {
	var all []proto.ID
	for _, text := range slices.Concat(v[name], v[name+"[]"]) {
		for one := range strings.SplitSeq(text, ",") {
			if one == "" {
				continue
			}
			id, err := proto.ParseID(one)
			if err != nil {
				return nil, v4.Invalid("%s must be the id of a device", name)
			}
			all = append(all, id)
		}
	}
	if len(all) > maxDevices {
		return nil, v4.Invalid("at most %d ids are allowed", maxDevices)
	}
	return all, nil
}
