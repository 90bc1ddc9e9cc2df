package posture

import (
	"cmp"
	"context"
	"maps"
	"net/url"
	"slices"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/catalog"
)

// Bounds of a list of polls: entries of one response, and bytes of log entries read for it, which takes a few seconds.
// For a longer period, only the newest part is read.
const (
	pollsPerPage  = 20
	maxPolls      = 500
	maxEntryBytes = 512 << 20
)

// pastPoll is one poll of an integration: one tick, with a call for each page. Pass, Fail and Unknown count results,
// one for each device and check.
type pastPoll struct {
	Tick    uint64       `json:"tick"`
	BeganAt v4.Timestamp `json:"began_at"` // start of its first call
	EndedAt v4.Timestamp `json:"ended_at"` // time of its last entry
	TookMS  int64        `json:"took_ms"`
	// The phases follow one another: plan ends with the start of the first call, calls with the last stored scores, and
	// evaluate with the last entry. Plan is null for a poll of a fetcher that did not report the time of the tick.
	PlanMS     *int64        `json:"plan_ms"`
	CallsMS    int64         `json:"calls_ms"`
	EvaluateMS int64         `json:"evaluate_ms"`
	Longest    int64         `json:"longest_call_ms"`
	Pages      int           `json:"pages"`
	Devices    int           `json:"devices"`
	Pass       int           `json:"pass"`
	Fail       int           `json:"fail"`
	Unknown    int           `json:"unknown"`
	Changed    int           `json:"changed"`
	Held       int           `json:"held"` // results that a breaker holds
	Failed     int           `json:"failed_pages"`
	Failures   []pollFailure `json:"failures"`

	stored proto.Millis // when the scores of the last call were stored
	tickAt proto.Millis // 0 if it is unknown
}

// pollFailure is a reason why calls of a poll failed, with the number of pages affected. HTTPStatus and Detail come
// from one of the calls; 0 and empty if it had no response.
type pollFailure struct {
	Error      proto.Reason `json:"error"`
	Pages      int          `json:"pages"`
	HTTPStatus int          `json:"http_status"`
	Detail     string       `json:"detail"`
}

// add counts an entry. call decodes the whole entry and returns its poll.
func (p *pastPoll) add(s *proto.Summary, call func() proto.Poll) {
	began := s.PolledAt - proto.Millis(s.TookMillis)
	if p.BeganAt == 0 || began < proto.Millis(p.BeganAt) {
		p.BeganAt = v4.Timestamp(began)
	}
	if s.PlanMillis > 0 {
		p.tickAt = began - proto.Millis(s.PlanMillis)
	}
	if p.tickAt != 0 {
		ms := max(0, int64(p.BeganAt)-int64(p.tickAt))
		p.PlanMS = &ms
	}
	p.EndedAt = max(p.EndedAt, v4.Timestamp(s.EvaluatedAt))
	p.TookMS = max(0, int64(p.EndedAt-p.BeganAt))
	p.stored = max(p.stored, s.PolledAt)
	p.CallsMS = max(0, int64(p.stored)-int64(p.BeganAt))
	p.EvaluateMS = max(0, int64(p.EndedAt)-int64(p.stored))
	p.Longest = max(p.Longest, s.TookMillis)
	p.Held += s.Enforced.Held
	p.Pages++
	p.Devices += s.Devices
	p.Pass += s.Pass
	p.Fail += s.Fail
	p.Unknown += s.Unknown
	p.Changed += s.Changed
	if s.Error == proto.ReasonNone {
		return
	}
	p.Failed++
	n := slices.IndexFunc(p.Failures, func(f pollFailure) bool { return f.Error == s.Error })
	if n < 0 {
		failed := call()
		p.Failures = append(p.Failures, pollFailure{s.Error, 1, failed.Status, failed.Detail})
		return
	}
	p.Failures[n].Pages++
}

// polls lists an integration's polls, newest first; without a period, as many as fit on one page. If the period begins
// during a poll, the oldest poll lacks some of its pages.
func (s *API) polls(ctx context.Context, c *v4.Call) (v4.Response, error) {
	i, err := s.integrations.Named(ctx, c)
	if err != nil {
		return v4.Response{}, err
	}
	v := c.URL.Query()
	limit, err := v4.PositiveParam(v, "limit", pollsPerPage)
	if err != nil {
		return v4.Response{}, err
	}
	limit = min(limit, maxPolls)
	since, until, err := s.pollPeriod(v, i, limit)
	if err != nil {
		return v4.Response{}, err
	}
	done, err := s.store.AcquireScan(ctx, c.Account)
	if err != nil {
		return v4.Response{}, err
	}
	defer done()
	t := &timeline{limit: limit, polls: map[uint64]*pastPoll{}}
	from, err := s.summaries(ctx, topology.LogOfIntegration(c.Account, i.Value.ID), since, until, t.add)
	if err != nil {
		return v4.Response{}, err
	}
	polls := t.newestFirst()
	a := v4.Response{Result: polls, Info: v4.SinglePage(len(polls))}
	if from.After(since) {
		a.Messages = []v4.Notice{{Code: v4.CodePartOfPeriod,
			Message: "the result is incomplete because the read limit was reached: it begins at " +
				from.UTC().Format(time.RFC3339) + "; use a shorter period (since, until)"}}
	}
	return a, nil
}

// pollPeriod returns the period of a query. Without since, it is long enough for limit polls.
func (s *API) pollPeriod(v url.Values, i catalog.Record[proto.Integration],
	limit int) (since, until time.Time, err error) {
	if since, until, err = v4.Period(v); err != nil || !since.IsZero() {
		return since, until, err
	}
	end := until
	if end.IsZero() {
		end = s.store.Clock.Now()
	}
	return end.Add(-time.Duration(limit+1) * max(i.Value.Interval, time.Minute)), until, nil
}

// timeline collects the newest polls.
type timeline struct {
	limit  int
	polls  map[uint64]*pastPoll
	tooOld uint64 // newest tick beyond the limit
}

// add adds an entry; entries come newest first. It returns false once the polls are complete, which is when an entry
// belongs to a poll older than one beyond the limit, since the pages of two consecutive polls may interleave.
func (t *timeline) add(s *proto.Summary, call func() proto.Poll) (more bool) {
	if s.Cause != proto.CausePoll || s.Tick == 0 {
		return true
	}
	p := t.polls[s.Tick]
	if p == nil {
		p = &pastPoll{Tick: s.Tick, Failures: []pollFailure{}}
		t.polls[s.Tick] = p
		if len(t.polls) > t.limit {
			oldest := slices.Min(slices.Collect(maps.Keys(t.polls)))
			delete(t.polls, oldest)
			if t.tooOld != 0 && oldest < t.tooOld {
				return false
			}
			t.tooOld = oldest
		}
		if t.polls[s.Tick] == nil {
			return true
		}
	}
	p.add(s, call)
	return true
}

func (t *timeline) newestFirst() []*pastPoll {
	all := make([]*pastPoll, 0, len(t.polls))
	for _, p := range t.polls {
		slices.SortFunc(p.Failures, func(a, b pollFailure) int { return cmp.Compare(b.Pages, a.Pages) })
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b *pastPoll) int { return cmp.Compare(b.Tick, a.Tick) })
	return all
}

// summaries reads the summaries of the entries stored in a period, newest first, until visit returns false. It returns
// the time from which the result is complete: later than since if the entries of the period exceed [maxEntryBytes].
func (s *API) summaries(ctx context.Context, subject string, since, until time.Time,
	visit func(s *proto.Summary, call func() proto.Poll) bool) (time.Time, error) {
	r, err := s.store.LogPeriod(ctx, store.LogRange{Stream: topology.PostureLog, Subject: subject}, since, until)
	if err != nil {
		return since, err
	}
	from, size := since, 0
	err = s.store.ReadBackwards(ctx, r, func(m *bus.Msg) error {
		if size += len(m.Data); size > maxEntryBytes {
			return bus.ErrStop
		}
		summary, err := proto.ParseSummary(m.Header.Get(proto.HeaderSummary))
		if err != nil {
			s.store.Conn.Unreadable(topology.PostureLog, m.Subject, m.Seq, err)
			return nil
		}
		call := func() proto.Poll {
			var e proto.Entry
			if err := m.Decode(&e); err != nil {
				s.store.Conn.Unreadable(topology.PostureLog, m.Subject, m.Seq, err)
			}
			return e.Poll
		}
		if !visit(&summary, call) {
			size = 0 // nothing requested is missing
			return bus.ErrStop
		}
		from = m.Time
		return nil
	})
	if size <= maxEntryBytes {
		from = since
	}
	return from, err
}
