package fleet

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/device"
	"plumbline.dev/services/api/fleet/column"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/v4"
)

// Bounds of a list.
const (
	perPage    = 50
	maxPerPage = 1000
)

// listedDevice is a device in a list.
type listedDevice struct {
	device.EnrolledDevice
	Score    *int         `json:"score" says:"The lowest score; null without a score."`
	ScoredAt v4.Timestamp `json:"scored_at" says:"When the oldest of the newest scores came."`
	Checks   []checkState `json:"checks"`
}

// checkState is the state of a check for a device.
type checkState struct {
	Check    proto.ID      `json:"check_id"`
	Name     string        `json:"name"`
	Outcome  proto.Outcome `json:"outcome"`
	Observed proto.Outcome `json:"observed"`
	Enforced string        `json:"enforced" says:"Why the outcome is not by the score: held, exempt, grace, observe_only or empty."`
}

// listInfo is the page information of a list.
type listInfo struct {
	v4.CursorInfo
	Outdated int64 `json:"outdated_pages" says:"Inventory pages whose newest results are not in the response yet."`
}

// position is the last device of a page of a list.
type position struct {
	Page    topology.PageNumber `json:"p"`
	Revoked bool                `json:"r,omitempty"`
	ID      proto.ID            `json:"i"`
}

func (p *position) String() string {
	b, _ := json.Marshal(p) // a number, a bool and text
	return base64.RawURLEncoding.EncodeToString(b)
}

func readPosition(text string) (*position, error) {
	if text == "" {
		return nil, nil
	}
	p := new(position)
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(b, p) != nil {
		return nil, v4.Invalid("cursor must be result_info.cursor of the previous page")
	}
	return p, nil
}

// before reports whether the position is at or behind a row.
func (p *position) before(s *selected, row int) bool {
	if p == nil || s.number != p.Page {
		return p == nil || s.number > p.Page
	}
	if revoked := row >= s.page.Active; revoked != p.Revoked {
		return revoked
	}
	return device.CompareIDs(s.page.IDs[row], p.ID) > 0
}

// list returns a page of the devices that a filter selects.
func (s *API) list(ctx context.Context, c *v4.Call) (v4.Response, error) {
	v := c.URL.Query()
	size, err := v4.PositiveParam(v, "per_page", perPage)
	if err != nil {
		return v4.Response{}, err
	}
	size = min(size, maxPerPage)
	after, err := readPosition(v.Get("cursor"))
	if err != nil {
		return v4.Response{}, err
	}
	scan, done, err := s.begin(ctx, c.Account, v)
	if err != nil {
		return v4.Response{}, err
	}
	defer done()
	from := topology.PageNumber(0)
	if after != nil {
		from = after.Page
	}
	found, err := scan.first(ctx, from, after, size+1) // one more, to detect the end
	if err != nil {
		return v4.Response{}, err
	}
	info := listInfo{CursorInfo: v4.CursorInfo{PerPage: size}}
	switch {
	case len(found) > size:
		found = found[:size]
		last := &found[size-1]
		info.Cursor = (&position{last.number, last.row >= last.page.Active, last.id()}).String()
	case after == nil:
		info.Total = new(len(found))
	}
	if scan.query.All() {
		_, n := s.Device.Inventory.Size(c.Account)
		info.Total = &n
	}
	views, err := scan.view(ctx, found)
	info.Count, info.Outdated = len(views), scan.outdated.Load()
	return v4.Response{Result: views, Info: info, Messages: resource.ObserveNotice(s.Store, c.Account)}, err
}

// begin reads the filter of a request and begins a scan for it. The caller calls done at its end.
func (s *API) begin(ctx context.Context, a proto.Account, v url.Values) (c *scan, done func(), err error) {
	patient, err := readPatience(v)
	if err != nil {
		return nil, nil, err
	}
	return s.beginFor(ctx, a, v.Get("filter"), patient)
}

// beginFor is begin for a filter.
func (s *API) beginFor(ctx context.Context, a proto.Account, text string,
	patient bool) (c *scan, done func(), err error) {
	if c, err = s.scanFor(ctx, a, text, patient); err != nil {
		return nil, nil, err
	}
	done = func() {}
	if !c.query.All() {
		done, err = s.Store.AcquireScan(ctx, a)
		c.deadline = time.Now().Add(maxWait)
	}
	return c, done, err
}

// scanFor returns a scan for a filter, without permission to run it.
func (s *API) scanFor(ctx context.Context, a proto.Account, text string, patient bool) (*scan, error) {
	if err := s.Store.Fresh(ctx); err != nil {
		return nil, err
	}
	q, err := s.query(a, text)
	if err != nil {
		return nil, err
	}
	return s.newScan(ctx, a, q, patient)
}

// foundRow is a row that a list selects.
type foundRow struct {
	number topology.PageNumber
	page   *column.Page
	row    int
}

func (f *foundRow) id() proto.ID { return f.page.IDs[f.row] }

// first returns the first n rows behind a position.
func (c *scan) first(ctx context.Context, from topology.PageNumber, after *position,
	n int) (found []foundRow, err error) {
	err = c.run(ctx, from, func(p *selected) error {
		for row := range p.page.IDs {
			if p.rows.Has(row) && after.before(p, row) {
				found = append(found, foundRow{p.number, p.page, row})
			}
			if len(found) == n {
				return bus.ErrStop
			}
		}
		return nil
	})
	return found, err
}
