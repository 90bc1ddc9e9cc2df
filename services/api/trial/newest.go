package trial

import (
	"cmp"
	"context"
	"sync"

	"golang.org/x/sync/errgroup"
	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/evaluator/fold"
	"plumbline.dev/services/evaluator/settings"
	"plumbline.dev/services/evaluator/trial"
)

// tried is the result of a trial of the newest entries.
type tried struct {
	mu         sync.Mutex
	pages      int
	counts     trial.Counts
	flipping   flipping
	unreadable v4.LeftOut
}

func (t *tried) add(page topology.PageNumber, counts *trial.Counts, flips []trial.Flip) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pages++
	t.counts.Add(counts)
	t.flipping.add(page, flips)
}

// workers is the number of pages that a trial evaluates at once. More would take the processor from the pipeline.
const workers = 2

// tryNewest tries an edit on the newest entry of every page.
func (s *API) tryNewest(ctx context.Context, e *edit, limit int, now proto.Millis) (*tried, error) {
	done, err := acquire(ctx, s.newest)
	if err != nil {
		return nil, err
	}
	defer done()
	t := &tried{flipping: flipping{limit: limit}}
	integration, evaluated := e.integration()
	if !evaluated {
		return t, s.tryUnsupported(ctx, e, t)
	}
	config, err := s.config(ctx, e.account, integration)
	if err != nil {
		return nil, err
	}
	page := newestPage{s: s, edit: e, config: config, trial: trial.New(config, e.check), tried: t, now: now}
	g, ctx := errgroup.WithContext(ctx)
	queue := make(chan entryOf)
	for range workers {
		g.Go(func() error {
			for in := range queue {
				if err := page.try(ctx, in); err != nil {
					return err
				}
			}
			return nil
		})
	}
	g.Go(func() error {
		defer close(queue)
		return s.newestEntries(ctx, e.account, integration, func(ref topology.PageRef, m *bus.Msg) error {
			select {
			case queue <- entryOf{ref, m}:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
	})
	return t, g.Wait()
}

// entryOf is a page's newest entry, not yet decoded.
type entryOf struct {
	page topology.PageRef
	*bus.Msg
}

// config returns the configuration of an integration.
func (s *API) config(ctx context.Context, a proto.Account, integration proto.ID) (fold.Config, error) {
	for {
		if config, ok := settings.Of(s.Store.Catalog, a, integration); ok {
			config.Exists = true
			return config, nil
		}
		if err := ctx.Err(); err != nil {
			return fold.Config{}, err
		}
	}
}

// newestPage tries an edit on pages. It is safe for concurrent use.
type newestPage struct {
	s      *API
	edit   *edit
	config fold.Config
	trial  *trial.Trial
	tried  *tried
	now    proto.Millis
}

func (p *newestPage) try(ctx context.Context, in entryOf) error {
	entry := p.s.decode(in.Msg, p.tried)
	if entry == nil {
		return nil
	}
	elsewhere, err := p.elsewhere(ctx, in.page)
	if err != nil {
		return err
	}
	devices, err := p.s.enrolled(ctx, in.page, entry, p.config)
	if err != nil {
		return err
	}
	counts, flips := p.trial.Page(entry, devices, elsewhere, p.now)
	p.tried.add(in.page.Page, &counts, flips)
	return nil
}

// elsewhere returns the entry to compare with for a check that is not evaluated over this integration today: the page's
// entry over the check's integration, or an empty entry if the outcomes are unknown. It returns nil if the check is
// new, or evaluated over this integration.
func (p *newestPage) elsewhere(ctx context.Context, ref topology.PageRef) (*proto.Entry, error) {
	today, evaluated := p.edit.today()
	if p.edit.old == nil || evaluated && today == ref.Integration {
		return nil, nil
	}
	if !evaluated {
		return new(proto.Entry), nil
	}
	ref.Integration = today
	m, err := p.s.newestEntry(ctx, ref)
	if err != nil || m == nil {
		return new(proto.Entry), err
	}
	return cmp.Or(p.s.decode(m, p.tried), new(proto.Entry)), nil
}

// decode returns an entry. It returns nil if the entry is unreadable, and counts it in t.
func (s *API) decode(m *bus.Msg, t *tried) *proto.Entry {
	e := new(proto.Entry)
	if err := m.Decode(e); err != nil {
		s.Store.Conn.Unreadable(m.Stream, m.Subject, m.Seq, err)
		t.mu.Lock()
		defer t.mu.Unlock()
		t.unreadable.Add(m.Subject, m.Seq)
		return nil
	}
	return e
}

// enrolled returns the devices of an entry, with the times of their enrolments if some of them have an exemption.
func (s *API) enrolled(ctx context.Context, ref topology.PageRef, e *proto.Entry,
	config fold.Config) (fold.Page, error) {
	page := fold.Page{Revision: e.PageRevision, Devices: trial.Devices(e)}
	exempt := false
	for _, id := range page.Devices {
		exempt = exempt || config.Exempt != nil && len(config.Exempt(id)) > 0
	}
	if !exempt {
		return page, nil
	}
	record, err := s.Device.Page(ctx, ref.Account, ref.Page)
	if err != nil {
		return page, err
	}
	times := make(map[proto.ID]proto.Millis, len(record.Devices))
	for i := range record.Devices {
		times[record.Devices[i].ID] = record.Devices[i].EnrolledAt
	}
	for _, id := range page.Devices {
		page.Enrolled = append(page.Enrolled, times[id])
	}
	return page, nil
}
