package posture

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/device"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

// Bounds of a device's history, in results.
const (
	historyPerPage = 100
	maxHistory     = 1000
	// maxHistoryEntries bounds the entries read for one response. Each entry covers a page of devices.
	maxHistoryEntries = 2000
)

// pastResult is the result of one check for a device, from an entry of the log.
type pastResult struct {
	At            v4.Timestamp  `json:"at"` // time of the evaluation
	Integration   proto.ID      `json:"integration_id"`
	Check         proto.ID      `json:"check_id"`
	Name          string        `json:"name"` // current name of the check
	CheckRevision uint64        `json:"check_revision"`
	Tick          uint64        `json:"tick"`
	Cause         string        `json:"cause"` // poll, page, config or expired
	Status        int           `json:"status"`
	Error         string        `json:"error"` // error of the poll; empty if it succeeded
	Score         *int          `json:"score"`
	ObservedAt    v4.Timestamp  `json:"observed_at"`
	Problem       string        `json:"problem"`
	Outcome       proto.Outcome `json:"outcome"`
	Reason        proto.Reason  `json:"reason"`
	Observed      proto.Outcome `json:"observed"`
	Why           string        `json:"why,omitempty"` // why the outcome is not by the score alone
	Seq           uint64        `json:"seq"`           // sequence of the entry in the log
}

// historyCursor is the position at which a page of a history ended. Reading continues before an entry in the first of
// the lives, then in the others. Oldest is the sequence of the entry with the oldest result returned so far: the
// results of the remaining lives are older.
type historyCursor struct {
	Before uint64 `json:"b,omitempty"`
	Oldest uint64 `json:"o,omitempty"`
	Lives  []life `json:"l"`
}

func (h historyCursor) String() string {
	b, err := json.Marshal(h)
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func parseHistoryCursor(text string) (h historyCursor, err error) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(b, &h)
	}
	if err != nil || len(h.Lives) == 0 || len(h.Lives) > maxLives || slices.ContainsFunc(h.Lives, life.odd) {
		return h, v4.Invalid("cursor must be result_info.cursor of the previous page")
	}
	return h, nil
}

// deviceHistory returns the results of a device, newest first, as far back as the log goes. It covers the inventory
// page that the device is in, and those from before it was removed and enrolled again. ?cursor= continues where the
// previous page of the history ended. A page may be empty; only a missing cursor marks the end.
func (s *API) deviceHistory(ctx context.Context, c *v4.Call, id proto.ID) (v4.Response, error) {
	v := c.URL.Query()
	limit, err := v4.PositiveParam(v, "limit", historyPerPage)
	if err != nil {
		return v4.Response{}, err
	}
	only, err := device.IDList(v, "check")
	if err != nil {
		return v4.Response{}, err
	}
	since, until, err := v4.Period(v)
	if err != nil {
		return v4.Response{}, err
	}
	done, err := s.store.AcquireScan(ctx, c.Account)
	if err != nil {
		return v4.Response{}, err
	}
	defer done()
	var at historyCursor
	if text := v.Get("cursor"); text != "" {
		at, err = parseHistoryCursor(text)
	} else {
		at.Lives, err = s.lives(ctx, c.Account, id)
	}
	if err != nil {
		return v4.Response{}, err
	}
	h := &history{s: s, account: c.Account, device: id, only: only, limit: min(limit, maxHistory), since: since,
		until: until, results: []pastResult{}}
	info := v4.CursorInfo{PerPage: h.limit}
	if at, err = h.read(ctx, at); err != nil {
		return v4.Response{}, err
	}
	if len(at.Lives) > 0 {
		info.Cursor = at.String()
	}
	info.Count = len(h.results)
	return v4.Response{Result: h.results, Info: info, Messages: h.left.Notices()}, nil
}

// history builds one page of a device's history.
type history struct {
	s            *API
	account      proto.Account
	device       proto.ID
	only         []proto.ID
	limit        int
	since, until time.Time
	results      []pastResult
	entries      int
	left         v4.LeftOut
}

// read reads from a position and returns the position to continue from; it has no lives at the end.
func (h *history) read(ctx context.Context, at historyCursor) (historyCursor, error) {
	for ; len(at.Lives) > 0; at = (historyCursor{Before: at.Oldest, Oldest: at.Oldest, Lives: at.Lives[1:]}) {
		in := at.Lives[0]
		r, err := h.s.store.LogPeriod(ctx,
			store.LogRange{Stream: topology.PostureLog, Subject: topology.LogOfPage(h.account, in.Page)},
			later(h.since, in.From.around(-livesSlack)), sooner(h.until, in.Until.around(livesSlack)))
		if err != nil {
			return at, err
		}
		if at.Before != 0 {
			r.Last = min(r.Last, at.Before-1)
		}
		full := false
		err = h.s.store.ReadBackwards(ctx, r, func(m *bus.Msg) error {
			// Results of one entry are never split over two pages.
			if full = len(h.results) >= h.limit || h.entries >= maxHistoryEntries; full {
				at.Before = m.Seq + 1
				return bus.ErrStop
			}
			h.entries++
			before := len(h.results)
			h.add(m)
			if len(h.results) > before {
				at.Oldest = m.Seq
			}
			return nil
		})
		if err != nil || full {
			return at, err
		}
	}
	return at, nil
}

// add appends the results of the device in an entry.
func (h *history) add(m *bus.Msg) {
	ref, err := topology.ParsePage(m.Subject)
	var e proto.Entry
	if err == nil {
		err = m.Decode(&e)
	}
	if err != nil {
		h.s.store.Conn.Unreadable(m.Stream, m.Subject, m.Seq, err)
		h.left.Add(m.Subject, m.Seq)
		return
	}
	n := slices.IndexFunc(e.Results, func(r proto.Result) bool { return r.Device == h.device })
	if n < 0 {
		return
	}
	r := &e.Results[n]
	for i, verdict := range r.Verdicts {
		check := e.Checks[i]
		if len(h.only) > 0 && !slices.Contains(h.only, check.ID) {
			continue
		}
		past := pastResult{At: v4.Timestamp(e.EvaluatedAt), Integration: ref.Integration, Check: check.ID,
			CheckRevision: check.Revision, Tick: e.Tick,
			Cause: e.Cause.String(), Status: e.Poll.Status, Error: reasonText(e.Poll.Error), Score: score(r.Score),
			ObservedAt: v4.Timestamp(r.ObservedAt),
			Problem:    reasonText(r.Problem), Outcome: verdict.Outcome, Reason: verdict.Reason, Observed: verdict.Observed,
			Why: h.s.enforced(h.account, &e, n, i), Seq: m.Seq}
		if known, found := h.s.store.Catalog.Check(h.account, check.ID); found {
			past.Name = known.Value.Name
		}
		h.results = append(h.results, past)
	}
}

// score returns a score for a response, or nil if there is none.
func score(n int) *int {
	if n == proto.NoScore {
		return nil
	}
	return &n
}
