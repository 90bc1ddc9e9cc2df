package posture

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/overview"
	"plumbline.dev/services/internal/slot"
)

func (s *API) pollRoutes() []v4.Route {
	return []v4.Route{
		{Method: http.MethodGet, Path: v4.AccountPath + "/plumbline/status", Scope: permission.Results, Handle: s.status},
		{Method: http.MethodPost, Path: v4.AccountPath + "/plumbline/integrations/{id}/poll", Scope: permission.Posture,
			Handle: s.pollNow},
		{Method: http.MethodGet, Path: v4.AccountPath + "/plumbline/integrations/{id}/polls/{tick}",
			Scope: permission.Results, Handle: s.poll},
	}
}

// Standing is the status of an integration, as the API shows it.
type Standing struct {
	ID       proto.ID  `json:"id"`
	Name     string    `json:"name"`
	Interval string    `json:"interval"`
	Paused   bool      `json:"paused"`
	Overdue  bool      `json:"overdue"` // oldest page is older than twice the interval
	Standing string    `json:"standing"`
	AgeMS    int64     `json:"age_ms"` // age of the oldest page
	Checks   int       `json:"checks"`
	Holds    int       `json:"holds"` // checks with outcomes held by a breaker
	Poll     *pollView `json:"poll"`  // newest poll; null before the first
}

// pollView is one poll. Pass, Fail and Unknown count results, one for each device and check.
type pollView struct {
	Tick      uint64       `json:"tick"`
	At        v4.Timestamp `json:"at"` // when it became due
	Pages     int          `json:"pages"`
	DonePages int          `json:"done_pages"`
	Pending   int          `json:"pending_pages"` // pages with a call queued or in flight, of this poll or an earlier one
	Devices   int          `json:"devices"`
	Pass      int          `json:"pass"`
	Fail      int          `json:"fail"`
	Unknown   int          `json:"unknown"`
	Changed   int          `json:"changed"`
	TookMS    int64        `json:"took_ms"` // from the tick to the newest entry
	Failed    int          `json:"failed_pages"`
	Error     string       `json:"error"` // why calls failed; empty if none did
	// HTTPStatus and Detail come from one of the failed calls; 0 and empty if it had no response.
	HTTPStatus int    `json:"http_status"`
	Detail     string `json:"detail"`
	// Enforced counts the results, of the counted pages, with an outcome not derived from the score.
	Enforced enforcedView `json:"enforced"`
}

// enforcedView counts results by the reason that their outcome is not by the score.
type enforcedView struct {
	ObserveOnly int `json:"observe_only"`
	Exempt      int `json:"exempt"`
	Grace       int `json:"grace"`
	Held        int `json:"held"`
}

func (s *API) status(ctx context.Context, c *v4.Call) (v4.Response, error) {
	views, err := s.Standings(ctx, c.Account)
	if err != nil {
		return v4.Response{}, err
	}
	return v4.Response{Result: views, Info: v4.SinglePage(len(views)),
		Messages: s.notices(c.Account, s.noticeExempt(c.Account)...)}, nil
}

// Standings returns the status of each integration, the oldest first.
func (s *API) Standings(ctx context.Context, a proto.Account) ([]Standing, error) {
	if err := s.store.Fresh(ctx); err != nil {
		return nil, err
	}
	if err := s.store.FreshHolds(ctx); err != nil {
		return nil, err
	}
	holds := map[proto.ID]int{}
	for _, r := range s.store.Holds.Of(a) {
		if !r.Value.State.Over() {
			holds[r.Value.Integration]++
		}
	}
	all := s.store.Catalog.IntegrationsOf(a)
	slices.SortStableFunc(all, func(x, y catalog.Record[proto.Integration]) int {
		return cmp.Compare(x.Value.CreatedAt, y.Value.CreatedAt)
	})
	views := make([]Standing, len(all))
	for n, i := range all {
		pages := s.Overview.Integration(a, i.Value.ID)
		standing, age := overview.Judge(i.Value, pages, s.store.Clock.Now())
		views[n] = Standing{
			ID: i.Value.ID, Name: i.Value.Name, Interval: i.Value.IntervalText, Paused: i.Value.Paused,
			Overdue: standing == overview.Overdue, Standing: standing.String(), AgeMS: age.Milliseconds(),
			Checks: len(s.store.Catalog.Checks(a, i.Value.ID)), Holds: holds[i.Value.ID],
		}
		tick, at, err := s.newestTick(ctx, a, i.Value.ID)
		if err != nil {
			return nil, err
		}
		if views[n].Poll = viewPoll(pages, tick, at); views[n].Poll != nil {
			// During the first poll, some pages have no entry yet.
			enrolled, devices := s.device.Inventory.Size(a)
			views[n].Poll.Pages, views[n].Poll.Devices = max(views[n].Poll.Pages, enrolled), max(views[n].Poll.Devices, devices)
			queued, err := s.store.Conn.Subjects(ctx, topology.PostureBatches, topology.Batches(a, i.Value.ID))
			if err != nil {
				return nil, err
			}
			views[n].Poll.Pending = len(queued)
			if pages.Failed > 0 {
				failed := topology.PageRef{Account: a, Integration: i.Value.ID, Page: pages.FailedPage}
				if err := s.explainFailure(ctx, failed, views[n].Poll); err != nil {
					return nil, err
				}
			}
		}
	}
	return views, nil
}

// viewPoll returns the poll of the newest tick, even if no page has been polled for it yet.
func viewPoll(pages overview.Aggregate, tick uint64, at time.Time) *pollView {
	if tick == 0 && pages.Tick == 0 {
		return nil
	}
	p := &pollView{Tick: tick, At: v4.Timestamp(proto.At(at)), Pages: pages.Pages, Devices: pages.Devices,
		Pass: pages.Pass, Fail: pages.Fail, Unknown: pages.Unknown, Failed: pages.Failed, Error: reasonText(pages.Error),
		Enforced: enforcedView(pages.Enforced)}
	if pages.Tick < tick {
		return p
	}
	p.DonePages, p.Changed = pages.Done, pages.Changed
	if pages.Tick > tick || at.IsZero() {
		p.Tick, p.At = pages.Tick, v4.Timestamp(pages.FirstPoll) // the overview is ahead of the tick stream
		at = pages.FirstPoll.Time()
	}
	p.TookMS = max(0, pages.LastEntry.Time().Sub(at).Milliseconds())
	return p
}

// newestTick returns an integration's newest tick and the time it was stored, or zeros if there is none.
func (s *API) newestTick(ctx context.Context, a proto.Account, id proto.ID) (uint64, time.Time, error) {
	m, err := s.store.Conn.Last(ctx, topology.PostureTicks, topology.Tick(a, id))
	if errors.Is(err, bus.ErrNotFound) {
		return 0, time.Time{}, nil
	}
	if err != nil {
		return 0, time.Time{}, err
	}
	return m.Seq, m.Time, nil
}

// pollNow publishes a tick in the slot of the newest one, which leaves the schedule unchanged.
func (s *API) pollNow(ctx context.Context, c *v4.Call) (v4.Response, error) {
	i, err := s.integrations.Named(ctx, c)
	switch {
	case err != nil:
		return v4.Response{}, err
	case i.Value.Type != proto.TypeCustomS2S:
		return v4.Response{}, invalidIntegration("integrations of type %s are stored but not polled", i.Value.Type)
	case i.Value.Paused:
		return v4.Response{}, v4.Errorf(http.StatusConflict, v4.CodeConflict,
			"the integration is paused: resume it first (x_paused)")
	}
	told := store.Change{Action: store.ActionPoll, Kind: string(topology.KindIntegration), ID: i.Value.ID.String(),
		Name: i.Value.Name}
	action, err := s.store.BeginAction(ctx, c.Account, told)
	if err != nil {
		return v4.Response{}, err
	}
	tick, at, err := s.tickNow(ctx, c.Account, i.Value)
	if err != nil {
		action.Settle(ctx, v4.Rejected(err))
		return v4.Response{}, err
	}
	view := struct {
		Integration proto.ID     `json:"integration_id"`
		Tick        uint64       `json:"tick"`
		At          v4.Timestamp `json:"at"`
	}{i.Value.ID, tick, v4.Timestamp(at)}
	told.After = view
	action.End(ctx, told)
	return v4.OK(view), nil
}

// tickNow publishes the tick. It returns its number, and when it became due by this process's clock.
func (s *API) tickNow(ctx context.Context, a proto.Account, i *proto.Integration) (uint64, proto.Millis, error) {
	subject := topology.Tick(a, i.ID)
	for range store.MaxAttempts {
		var expect uint64
		// If there is no earlier tick, the manual tick starts this schedule and leaves the current slot to the
		// scheduler.
		tick := proto.Tick{Schedule: i.Schedule, Interval: i.Interval, Cause: proto.TickManual,
			Due: proto.At(s.store.Clock.Now())}
		m, err := s.store.Conn.Last(ctx, topology.PostureTicks, subject)
		if err == nil {
			expect = m.Seq
			var newest proto.Tick
			if err = m.Decode(&newest); bus.IsPermanent(err) {
				s.store.Conn.Unreadable(m.Stream, m.Subject, m.Seq, err) // and replace it
				err = nil
			} else if err == nil {
				tick = slot.Manual(i.ID, newest, m.Time, tick.Due)
			}
		}
		if err != nil && !errors.Is(err, bus.ErrNotFound) {
			return 0, 0, err
		}
		ack, err := s.store.Conn.Publish(ctx, bus.Outgoing{Subject: subject, Body: &tick, ExpectLast: bus.Expect(expect)})
		if !errors.Is(err, bus.ErrConflict) {
			return ack.Seq, tick.Due, err
		}
	}
	return 0, 0, v4.ErrConflict
}
