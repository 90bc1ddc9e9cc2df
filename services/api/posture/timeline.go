package posture

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/device"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

// A timeline shows the outcomes of a device over a period as segments. It is read from the changes of the device's page
// alone, the newest first: an entry holds a thousand devices, a change only those with a new outcome. The read ends
// after a time or a number of changes; what is older is not known then, and the response says so.

// Bounds of a timeline.
const (
	timelineDays    = 30
	timelineWait    = 120 * time.Millisecond
	maxTimelineWait = 10 * time.Second
	maxChangesRead  = 20_000
	maxSegments     = 200 // of one check
)

// timelineView is the outcomes of a device over a period.
type timelineView struct {
	Device     proto.ID        `json:"device_id"`
	Since      v4.Timestamp    `json:"since"`
	Until      v4.Timestamp    `json:"until"`
	KnownSince v4.Timestamp    `json:"known_since" says:"Later than since if the read of the log ended early."`
	Checks     []checkTimeline `json:"checks"`
}

type checkTimeline struct {
	Check    proto.ID  `json:"check_id"`
	Name     string    `json:"name"`
	Segments []segment `json:"segments" says:"The oldest first, without gaps."`
}

// segment is a time with one outcome.
type segment struct {
	From    v4.Timestamp  `json:"from"`
	Until   v4.Timestamp  `json:"until"`
	Outcome proto.Outcome `json:"outcome"`
	Reason  proto.Reason  `json:"reason" says:"Why it began; none if that is not known."`
}

func (s *API) timelineRoutes() []v4.Route {
	return []v4.Route{{Method: http.MethodGet, Path: v4.AccountPath + "/plumbline/devices/{id}/timeline",
		Scope: permission.Results, Handle: s.timeline}}
}

// timeline returns the outcomes of a device over a period.
func (s *API) timeline(ctx context.Context, c *v4.Call) (v4.Response, error) {
	v := c.URL.Query()
	days, err := v4.PositiveParam(v, "days", timelineDays)
	if err != nil {
		return v4.Response{}, err
	}
	wait, err := v4.PositiveParam(v, "wait_ms", int(timelineWait.Milliseconds()))
	if err != nil {
		return v4.Response{}, err
	}
	id, err := c.ID("id", device.ErrNotFound)
	if err != nil {
		return v4.Response{}, err
	}
	page, d, err := s.device.Find(ctx, c.Account, id)
	if err == nil {
		err = s.store.Fresh(ctx)
	}
	if err != nil {
		return v4.Response{}, err
	}
	now := proto.At(s.store.Clock.Now())
	period := time.Duration(min(days, timelineDays)) * 24 * time.Hour
	t := &outcomeTimeline{device: id, since: max(now.Add(-period), d.EnrolledAt), now: now}
	if err := t.begin(ctx, s, c.Account, page, d); err != nil {
		return v4.Response{}, err
	}
	limit := min(time.Duration(wait)*time.Millisecond, maxTimelineWait)
	if err := t.read(ctx, s, c.Account, page, limit); err != nil {
		return v4.Response{}, err
	}
	view := timelineView{Device: id, Since: v4.Timestamp(t.since), Until: v4.Timestamp(now),
		KnownSince: v4.Timestamp(max(t.since, t.known)), Checks: []checkTimeline{}}
	for _, line := range t.lines {
		view.Checks = append(view.Checks,
			checkTimeline{line.check.ID, line.check.Name, line.finish(max(t.since, t.known))})
	}
	return v4.Response{Result: view, Messages: resource.ObserveNotice(s.store, c.Account)}, nil
}

// outcomeTimeline builds the timelines of a device, from now backwards.
type outcomeTimeline struct {
	device     proto.ID
	since, now proto.Millis
	known      proto.Millis // the read of the log ended there; 0: it did not end early
	lines      []*checkLine
}

// begin adds a line for each evaluated check, with its current outcome.
func (t *outcomeTimeline) begin(ctx context.Context, s *API, a proto.Account, page topology.PageNumber,
	d *proto.Device) error {
	for _, i := range s.Polled(a) {
		checks := s.store.Catalog.Checks(a, i.Value.ID)
		if len(checks) == 0 {
			continue
		}
		e, err := s.Entry(ctx, topology.PageRef{Account: a, Integration: i.Value.ID, Page: page}, nil)
		if err != nil {
			return err
		}
		row := slices.IndexFunc(e.Results, func(r proto.Result) bool { return r.Device == d.ID })
		for _, r := range checks {
			line := &checkLine{check: r.Value, end: t.now}
			at := slices.IndexFunc(e.Checks, func(c proto.CheckRef) bool { return c.ID == r.Value.ID })
			if at >= 0 && row >= 0 {
				v := e.Results[row].Verdicts[at]
				line.outcome, line.now = v.Outcome, v.Reason
				line.enforcedSince = enforcedSince(e.State(at), v.Reason, row)
			}
			t.lines = append(t.lines, line)
		}
	}
	slices.SortStableFunc(t.lines, func(a, b *checkLine) int { return int(a.check.CreatedAt - b.check.CreatedAt) })
	return nil
}

// enforcedSince returns when a hold or a grace began, which is no change of the outcome; otherwise 0.
func enforcedSince(state *proto.CheckState, reason proto.Reason, row int) proto.Millis {
	switch {
	case reason == proto.ReasonHeld && state.Hold != nil:
		return state.Hold.Since
	case reason == proto.ReasonGrace:
		since, _ := state.GraceOf(row)
		return since
	}
	return 0
}

// read reads the changes of a page backwards, for at most the time.
func (t *outcomeTimeline) read(ctx context.Context, s *API, a proto.Account, page topology.PageNumber,
	limit time.Duration) error {
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	r, err := s.store.LogPeriod(bounded, store.LogRange{Stream: topology.PostureLog,
		Subject: topology.ChangesWith(a, topology.ChangeFilter{Page: &page})}, t.since.Time(), time.Time{})
	oldest, read := t.now, 0
	if err == nil {
		err = s.store.ReadBackwards(bounded, r, func(m *bus.Msg) error {
			if read++; read > maxChangesRead {
				return context.DeadlineExceeded
			}
			ref, err := topology.ParseChange(m.Subject)
			var c proto.Change
			if err == nil {
				err = m.Decode(&c)
			}
			if err != nil {
				s.store.Conn.Unreadable(m.Stream, m.Subject, m.Seq, err)
				return nil
			}
			oldest = min(oldest, c.At)
			t.change(ref.Check, ref.Outcome, &c)
			return nil
		})
	}
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		t.known = oldest
		return nil
	}
	return err
}

// change adds a change of the device, which is older than those before.
func (t *outcomeTimeline) change(check proto.ID, to proto.Outcome, c *proto.Change) {
	n := slices.IndexFunc(c.Devices, func(d proto.ChangedDevice) bool { return d.Device == t.device })
	line := slices.IndexFunc(t.lines, func(l *checkLine) bool { return l.check.ID == check })
	if n >= 0 && line >= 0 && c.At >= t.since {
		t.lines[line].change(c.At, to, &c.Devices[n])
	}
}

// checkLine is the timeline of one check. Segments are added backwards.
type checkLine struct {
	check         *proto.Check
	outcome       proto.Outcome // before end
	now           proto.Reason  // of the current outcome
	enforcedSince proto.Millis
	end           proto.Millis
	segments      []segment // the newest first
	over          bool      // nothing before end is known, or there was no result
}

func (l *checkLine) change(at proto.Millis, to proto.Outcome, d *proto.ChangedDevice) {
	if l.over {
		return
	}
	l.add(at, to, d.Reason)
	if l.outcome = d.From; d.From == proto.OutcomeNone || len(l.segments) >= maxSegments {
		l.outcome, l.over = proto.OutcomeUnknown, true
	}
}

// add adds a segment that ends where the one after it begins.
func (l *checkLine) add(from proto.Millis, outcome proto.Outcome, reason proto.Reason) {
	if at := l.enforcedSince; len(l.segments) == 0 && at > from && at < l.end {
		l.segments = append(l.segments, segment{v4.Timestamp(at), v4.Timestamp(l.end), outcome, l.now})
		l.end = at
	}
	if from < l.end {
		l.segments = append(l.segments, segment{v4.Timestamp(from), v4.Timestamp(l.end), outcome, reason})
		l.end = from
	}
}

// finish returns the segments since a time, the oldest first.
func (l *checkLine) finish(since proto.Millis) []segment {
	reason := proto.ReasonNone
	if len(l.segments) == 0 && l.enforcedSince == 0 {
		reason = l.now
	}
	l.add(since, l.outcome, reason)
	slices.Reverse(l.segments)
	if l.segments == nil {
		return []segment{}
	}
	return l.segments
}
