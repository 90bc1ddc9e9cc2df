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

// Bounds of an integration's polls: of one answer, and the bytes of the entries that are read for it, which is a
// few seconds' work. Of a longer period the newest part is read.
const (
	pollsPerPage  = 20
	maxPolls      = 500
	maxEntryBytes = 512 << 20
)

// pastPoll is one poll of an integration: one tick, a call for each page. Pass, fail and unknown count results,
// of which a device has one for each check.
type pastPoll struct {
	Tick     uint64        `json:"tick"`
	BeganAt  v4.Timestamp  `json:"began_at"` // when the first of its calls did
	EndedAt  v4.Timestamp  `json:"ended_at"` // when the last of its entries was made
	TookMS   int64         `json:"took_ms"`
	Longest  int64         `json:"longest_call_ms"`
	Pages    int           `json:"pages"`
	Devices  int           `json:"devices"`
	Pass     int           `json:"pass"`
	Fail     int           `json:"fail"`
	Unknown  int           `json:"unknown"`
	Changed  int           `json:"changed"`
	Failed   int           `json:"failed_pages"`
	Failures []pollFailure `json:"failures"`
}

// pollFailure is why calls of a poll failed, and of how many pages. HTTPStatus and Detail are of one of these calls; 0
// and empty without an answer.
type pollFailure struct {
	Error      proto.Reason `json:"error"`
	Pages      int          `json:"pages"`
	HTTPStatus int          `json:"http_status"`
	Detail     string       `json:"detail"`
}

// add counts an entry. call returns how its call went, for which the whole entry has to be decoded.
func (p *pastPoll) add(s *proto.Summary, call func() proto.Poll) {
	began := s.PolledAt - proto.Millis(s.TookMillis)
	if p.BeganAt == 0 || began < proto.Millis(p.BeganAt) {
		p.BeganAt = v4.Timestamp(began)
	}
	p.EndedAt = max(p.EndedAt, v4.Timestamp(s.EvaluatedAt))
	p.TookMS = max(0, int64(p.EndedAt-p.BeganAt))
	p.Longest = max(p.Longest, s.TookMillis)
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

// polls gives an integration's polls, the newest first: by default as many of the newest as fit on a page. A
// period may begin within a poll: the oldest one has then only a part of its pages.
func (s *API) polls(ctx context.Context, c *v4.Call) (v4.Response, error) {
	i, err := s.integration(ctx, c)
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
	done, err := s.store.AcquireScan(ctx)
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
		a.Messages = []v4.Notice{{Code: v4.CodePartOfPeriod, Message: "there are more polls than are read at once: these begin at " +
			from.UTC().Format(time.RFC3339) + "; ask for a shorter period (since, until)"}}
	}
	return a, nil
}

// pollPeriod is since when, and until when. Without a beginning it is long enough for the limit.
func (s *API) pollPeriod(v url.Values, i catalog.Record[proto.Integration], limit int) (since, until time.Time, err error) {
	if since, until, err = v4.Period(v); err != nil || !since.IsZero() {
		return since, until, err
	}
	end := until
	if end.IsZero() {
		end = s.store.Clock.Now()
	}
	return end.Add(-time.Duration(limit+1) * max(i.Value.Interval, time.Minute)), until, nil
}

// timeline gathers the newest polls.
type timeline struct {
	limit  int
	polls  map[uint64]*pastPoll
	tooOld uint64 // the newest tick that was too old
}

// add takes an entry; the newer ones come first. It returns false once everything is there: an entry belongs to a
// poll that is older than one that is too old, because the pages of two polls may mingle.
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

// summaries reads what the entries that were stored in a period say of themselves, the newest first, until visit
// returns false. It returns from when on it did: later than it should if the entries of the period have more than
// [maxEntryBytes].
func (s *API) summaries(ctx context.Context, subject string, since, until time.Time, visit func(s *proto.Summary, call func() proto.Poll) bool) (time.Time, error) {
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
			size = 0 // nothing is left out that was asked for
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
