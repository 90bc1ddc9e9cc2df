package api

import (
	"context"
	"net/url"
	"slices"
	"strconv"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Bounds of a device's history, in results.
const (
	historyPerPage = 100
	maxHistory     = 1000
)

// pastResult is one check's result of a device, as an entry of the log has it.
type pastResult struct {
	At            stamp         `json:"at"` // when it was evaluated
	Integration   proto.ID      `json:"integration_id"`
	Check         proto.ID      `json:"check_id"`
	Name          string        `json:"name"` // as it is called now
	CheckRevision uint64        `json:"check_revision"`
	Tick          uint64        `json:"tick"`
	Cause         string        `json:"cause"` // poll, page, config or expired
	Status        int           `json:"status"`
	Error         string        `json:"error"` // of the poll; "" where it succeeded
	Score         *int          `json:"score"`
	ObservedAt    stamp         `json:"observed_at"`
	Problem       string        `json:"problem"`
	Outcome       proto.Outcome `json:"outcome"`
	Reason        proto.Reason  `json:"reason"`
	Observed      proto.Outcome `json:"observed"`
	Seq           uint64        `json:"seq"` // of the entry in the log
}

// deviceHistory gives the results that a device had, the newest first, as far back as the log goes. It reads
// the log of the device's page: what the device was before it was removed and enrolled anew may be in another,
// and is in the posture log. ?cursor= goes on where a page of the history ended.
func (s *Service) deviceHistory(ctx context.Context, c *call, page topology.PageNumber, id proto.ID) (answer, error) {
	v := c.URL.Query()
	limit, err := positive(v, "limit", historyPerPage)
	if err != nil {
		return answer{}, err
	}
	limit = min(limit, maxHistory)
	only, err := idList(v, "check")
	if err != nil {
		return answer{}, err
	}
	r, err := s.logStretch(ctx, v, topology.LogOfPage(c.account, page))
	if err != nil {
		return answer{}, err
	}
	done, err := s.scanning(ctx)
	if err != nil {
		return answer{}, err
	}
	defer done()
	results, info := []pastResult{}, cursorInfo{PerPage: limit}
	err = s.backwards(ctx, r, func(m *bus.Msg) error {
		if len(results) >= limit { // the results of one entry stay together
			info.Cursor = strconv.FormatUint(results[len(results)-1].Seq, 10)
			return bus.ErrStop
		}
		var err error
		results, err = s.addPast(results, m, c.account, id, only)
		return err
	})
	info.Count = len(results)
	return answer{result: results, info: info}, err
}

// logStretch is what a query asks for of the posture log, by time and by cursor: the sequence that the reading
// ended before.
func (s *Service) logStretch(ctx context.Context, v url.Values, subject string) (stretch, error) {
	since, until, err := readPeriod(v)
	if err != nil {
		return stretch{}, err
	}
	r, err := s.period(ctx, stretch{stream: topology.PostureLog, subject: subject}, since, until)
	if err != nil {
		return r, err
	}
	if text := v.Get("cursor"); text != "" {
		before, err := strconv.ParseUint(text, 10, 63)
		if err != nil || before == 0 {
			return r, invalid("cursor must be result_info.cursor of the page before")
		}
		r.last = min(r.last, before-1)
	}
	return r, nil
}

// addPast adds what an entry says of a device.
func (s *Service) addPast(results []pastResult, m *bus.Msg, a proto.Account, id proto.ID, only []proto.ID) ([]pastResult, error) {
	ref, err := topology.ParsePage(m.Subject)
	if err != nil {
		return results, err
	}
	var e proto.Entry
	if err := m.Decode(&e); err != nil {
		return results, err
	}
	n := slices.IndexFunc(e.Results, func(r proto.Result) bool { return r.Device == id })
	if n < 0 {
		return results, nil
	}
	r := &e.Results[n]
	for i, verdict := range r.Verdicts {
		check := e.Checks[i]
		if len(only) > 0 && !slices.Contains(only, check.ID) {
			continue
		}
		past := pastResult{At: stamp(e.EvaluatedAt), Integration: ref.Integration, Check: check.ID, CheckRevision: check.Revision, Tick: e.Tick,
			Cause: e.Cause.String(), Status: e.Poll.Status, Error: wrong(e.Poll.Error), Score: score(r.Score), ObservedAt: stamp(r.ObservedAt),
			Problem: wrong(r.Problem), Outcome: verdict.Outcome, Reason: verdict.Reason, Observed: verdict.Observed, Seq: m.Seq}
		if known, found := s.catalog.Check(a, check.ID); found {
			past.Name = known.Value.Name
		}
		results = append(results, past)
	}
	return results, nil
}

// score is null where there is none.
func score(n int) *int {
	if n == proto.NoScore {
		return nil
	}
	return &n
}
