package posture

import (
	"context"
	"net/url"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

// Bounds of a page of the newest lines: lines, and bytes of the log read for them, which takes about 0.1 s.
const (
	newestPerPage  = 50
	maxNewest      = 500
	maxNewestBytes = 12 << 20
)

// A page of fewer lines than firstLines begins with a search of stepOfFew sequences.
const (
	firstLines = 5
	stepOfFew  = 16
)

// newestInfo is the page information of the newest lines. Cursor continues with older ones; it is empty at the end.
type newestInfo struct {
	Count    int          `json:"count"`
	PerPage  int          `json:"per_page"`
	Cursor   string       `json:"cursor"`
	Searched v4.Timestamp `json:"searched_until" says:"Time of the oldest entry that was searched. Null if there was none."`
}

// newest lists lines of the posture log, newest first. A page ends with its limit or with the bytes read for it, so it
// may be empty although older lines match; only an empty cursor marks the end.
func (s *API) newest(ctx context.Context, c *v4.Call) (v4.Response, error) {
	v := c.URL.Query()
	q, err := readLogQuery(v)
	if err != nil {
		return v4.Response{}, err
	}
	limit, err := v4.PositiveParam(v, "limit", newestPerPage)
	if err != nil {
		return v4.Response{}, err
	}
	changed, err := readFlag(v, "changed")
	if err != nil {
		return v4.Response{}, err
	}
	done, err := s.store.AcquireScan(ctx, c.Account)
	if err != nil {
		return v4.Response{}, err
	}
	defer done()
	if err := s.store.Fresh(ctx); err != nil {
		return v4.Response{}, err
	}
	if err := s.device.Fresh(ctx); err != nil {
		return v4.Response{}, err
	}
	limit = min(limit, maxNewest)
	r := store.LogRange{Stream: topology.PostureLog, Subject: s.newestSubject(c.Account, &q, changed)}
	if limit < firstLines { // to know whether there is news
		r.Step = stepOfFew
	}
	if r, err = s.store.LogPeriod(ctx, r, q.since, q.until); err != nil {
		return v4.Response{}, err
	}
	if q.after.seq != 0 {
		r.Last = min(r.Last, q.after.seq)
	}
	n := &newestLines{postureLines: postureLines{s: s, account: c.Account, query: q}, limit: limit,
		lines: []*postureLine{}}
	visit := n.visitEntry
	if changed {
		visit = n.visitChange
	}
	if err := s.store.ReadBackwards(ctx, r, func(m *bus.Msg) error { return n.visit(ctx, m, visit) }); err != nil {
		return v4.Response{}, err
	}
	info := newestInfo{Count: len(n.lines), PerPage: n.limit, Searched: n.searched}
	if n.more {
		info.Cursor = n.end.String()
	}
	return v4.Response{Result: n.lines, Info: info, Messages: append(n.left.Notices(), s.notices(c.Account)...)}, nil
}

// readFlag reads a parameter that is true or false; false if it is absent.
func readFlag(v url.Values, name string) (bool, error) {
	switch v.Get(name) {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	}
	return false, v4.Invalid("%s must be true or false", name)
}

// newestSubject returns the narrowest subject with every line that a query selects. With one device, this is the page
// that has the device now.
func (s *API) newestSubject(a proto.Account, q *logQuery, changed bool) string {
	var page *topology.PageNumber
	if len(q.devices) == 1 {
		if n, found := s.device.Inventory.PageOf(a, q.devices[0]); found {
			page = &n
		}
	}
	if changed {
		return topology.ChangesWith(a, topology.ChangeFilter{Check: only(q.checks), Outcome: only(q.outcomes), Page: page})
	}
	integration := only(q.integrations)
	switch {
	case page != nil && integration != nil:
		return topology.Log(topology.PageRef{Account: a, Integration: *integration, Page: *page})
	case page != nil:
		return topology.LogOfPage(a, *page)
	case integration != nil:
		return topology.LogOfIntegration(a, *integration)
	}
	return topology.LogOf(a)
}

// only returns the one element of a list, or nil if there are more or none.
func only[T any](list []T) *T {
	if len(list) == 1 {
		return &list[0]
	}
	return nil
}
