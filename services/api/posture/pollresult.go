package posture

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/overview"
)

var errNoTick = v4.Errorf(http.StatusNotFound, v4.CodeNotFound, "the integration has no such poll")

// poll returns the result of the poll of a tick, for clients that requested one. A page is done once it has the result
// of a call that ended after the tick: the tick's own call, a later one, or one that was in flight when the tick came,
// since a page never has two calls in flight.
func (s *API) poll(ctx context.Context, c *v4.Call) (v4.Response, error) {
	i, err := s.integrations.Named(ctx, c)
	if err != nil {
		return v4.Response{}, err
	}
	tick, err := strconv.ParseUint(c.PathValue("tick"), 10, 64)
	if err != nil || tick == 0 {
		return v4.Response{}, errNoTick
	}
	since, err := readSince(c.URL.Query().Get("since"))
	if err != nil {
		return v4.Response{}, err
	}
	newest, at, err := s.newestTick(ctx, c.Account, i.Value.ID)
	switch {
	case err != nil:
		return v4.Response{}, err
	case newest < tick && since == 0: // otherwise a replica may lag
		return v4.Response{}, errNoTick
	case newest == tick && since == 0:
		since = proto.At(at)
	}
	view := &pollView{Tick: tick, At: v4.Timestamp(since)}
	if err := s.enrolledPages(ctx, c.Account, i.Value.ID, view); err != nil {
		return v4.Response{}, err
	}
	pages := s.Overview.Pages(c.Account, i.Value.ID)
	failed := view.count(pages, tick, since)
	if failed != nil {
		if err := s.explainFailure(ctx, failed.PageRef, view); err != nil {
			return v4.Response{}, err
		}
	}
	return v4.OK(view), nil
}

func readSince(text string) (proto.Millis, error) {
	if text == "" {
		return 0, nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return 0, v4.Invalid("since must be a time in RFC 3339 format")
	}
	return proto.At(at), nil
}

// count adds up the pages that have a result of the tick, of a later tick, or of a call that ended after since (0 means
// none). It returns the first page with a failed call, or nil if there is none.
func (p *pollView) count(pages []overview.Page, tick uint64, since proto.Millis) (failed *overview.Page) {
	open, last, enforced := 0, since, proto.Enforced{}
	for n := range pages {
		s := &pages[n].Summary
		if s.Closed {
			continue
		}
		open++
		if s.Tick < tick && (since == 0 || s.PolledAt < since) || s.PolledAt == 0 {
			continue
		}
		p.DonePages++
		p.Devices += s.Devices
		p.Pass += s.Pass
		p.Fail += s.Fail
		p.Unknown += s.Unknown
		p.Changed += pages[n].TickChanged
		enforced.Add(s.Enforced)
		last = max(last, s.PolledAt)
		if s.Error == proto.ReasonNone {
			continue
		}
		p.Failed++
		if failed == nil {
			failed, p.Error = &pages[n], reasonText(s.Error)
		}
	}
	p.Pages, p.Enforced = max(p.Pages, open), enforcedView(enforced)
	if since != 0 {
		p.TookMS = int64(last - since)
	}
	return failed
}

// enrolledPages sets how many pages a poll has, including pages without an entry yet, and how many calls are queued or
// in flight.
func (s *API) enrolledPages(ctx context.Context, a proto.Account, id proto.ID, p *pollView) error {
	p.Pages, _ = s.device.Inventory.Size(a)
	queued, err := s.store.Conn.Subjects(ctx, topology.PostureBatches, topology.Batches(a, id))
	p.Pending = len(queued)
	return err
}

// explainFailure copies the details of a failed call from a page's newest entry.
func (s *API) explainFailure(ctx context.Context, page topology.PageRef, p *pollView) error {
	e, err := s.Entry(ctx, page, nil)
	if err != nil {
		return err
	}
	p.HTTPStatus, p.Detail = e.Poll.Status, e.Poll.Detail
	return nil
}
