package fetcher

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/stage"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

const (
	// planAttempts is about four minutes of trouble with the bus before a tick is given up; the next one makes
	// up for it.
	planAttempts = 20
	// planChunk is how many batches are made and published together.
	planChunk = 1000
	// skippedAfter is the delivery count of a tick for treating an unknown integration as removed. Before that, the
	// integration may be new.
	skippedAfter = 3
	// maxAhead is how far a tick's time may be ahead of the server's before a clock is wrong.
	maxAhead = 30 * time.Second
)

// planTicks turns ticks into batches until ctx ends.
func (s *Service) planTicks(ctx context.Context) error {
	return stage.Consume(ctx, s.bus, stage.Stage{Name: stagePlan, Stream: topology.PostureTicks,
		Consumer: topology.ConsumerPlan,
		Workers:  planners, Attempts: planAttempts, Grace: s.cfg.Grace, Observe: s.metrics.planned}, s.plan)
}

// plan publishes a batch for each page. Another planner may repeat it at any point: an existing batch is not stored
// twice. Ticks of removed, paused or unsupported integrations are skipped, even manual ones.
func (s *Service) plan(ctx context.Context, m *bus.Msg) error {
	account, id, err := topology.ParseTick(m.Subject)
	if err != nil {
		return bus.Permanent(err)
	}
	var tick proto.Tick
	if err := m.Decode(&tick); err != nil {
		return err
	}
	ctx, cancel := s.untilAborted(ctx)
	defer cancel()
	log := s.log.With("account", account, "integration", id, "tick", m.Seq)
	if ahead := tick.Due.Time().Sub(m.Time); ahead > maxAhead {
		s.metrics.future.Inc()
		log.Error("a tick claims to be due later than the server's clock says it is: check the schedulers' clocks",
			"ahead", ahead)
	}
	polled, revision, err := s.scheduled(ctx, ref{account, id}, tick.Schedule, m.Delivered)
	if err != nil {
		return err
	}
	if !polled {
		s.metrics.skipped.Inc()
		log.Info("tick skipped: the integration is removed, paused or not polled", "cause", tick.Cause)
		return nil
	}
	pages, err := s.pages(ctx, account)
	if err != nil {
		return err
	}
	overrun := 0
	batch := &proto.Batch{Tick: m.Seq, PlannedAt: proto.At(s.clock.Now()), Pages: len(pages), ConfigRevision: revision,
		TickAt: proto.At(m.Time)}
	for chunk := range slices.Chunk(pages, planChunk) {
		occupied, err := s.publishBatches(ctx, ref{account, id}, batch, chunk)
		if err != nil {
			return err
		}
		overrun += occupied
	}
	s.metrics.batches.WithLabelValues(id.String()).Add(float64(len(pages) - overrun))
	log.Debug("tick planned", "pages", len(pages), "overrun", overrun, "cause", tick.Cause)
	if overrun > 0 {
		s.metrics.overruns.WithLabelValues(id.String()).Add(float64(overrun))
		log.Warn("pages are still being asked about from an earlier tick", "overrun", overrun, "pages", len(pages))
	}
	return nil
}

// scheduled waits until the catalog has the tick's schedule, and reports whether the integration is polled, and the
// revision of CONFIG seen.
func (s *Service) scheduled(ctx context.Context, of ref, schedule uint64,
	delivered int) (polled bool, revision uint64, err error) {
	wait, cancel := context.WithTimeout(ctx, s.cfg.catalogWait)
	defer cancel()
	for {
		changed := s.catalog.Changed()
		revision = s.catalog.Revision()
		rec, ok := s.catalog.Integration(of.account, of.id)
		if ok && rec.Value.Schedule >= schedule {
			return rec.Value.Polled(), revision, nil
		}
		if !ok {
			// Removed, or too new for the catalog: the bucket knows.
			_, err := s.bus.Get(ctx, topology.Config, topology.ConfigKey(of.account, topology.KindIntegration, of.id),
				new(proto.Integration))
			if errors.Is(err, bus.ErrNotFound) {
				if delivered >= skippedAfter {
					return false, revision, nil
				}
				return false, 0, fmt.Errorf("integration %s of a tick is not there, or not yet", of.id)
			}
			if err != nil {
				return false, 0, err
			}
		}
		select {
		case <-changed:
		case <-wait.Done():
			return false, 0, fmt.Errorf("the view of CONFIG is at revision %d and has not come to schedule %d of integration %s",
				revision, schedule, of.id)
		}
	}
}

// pages are the account's pages, in order.
func (s *Service) pages(ctx context.Context, account proto.Account) ([]topology.PageNumber, error) {
	subjects, err := s.bus.Subjects(ctx, topology.BucketStream(topology.Devices),
		topology.BucketSubject(topology.Devices, topology.PageKeys(account)))
	if err != nil {
		return nil, err
	}
	pages := make([]topology.PageNumber, 0, len(subjects))
	for subject := range subjects {
		key, err := topology.KeyOf(topology.Devices, subject)
		if err != nil {
			return nil, err
		}
		_, n, err := topology.ParsePageKey(key)
		if err != nil {
			return nil, bus.Permanent(err)
		}
		pages = append(pages, n)
	}
	slices.SortFunc(pages, cmp.Compare)
	return pages, nil
}

// publishBatches publishes the batches of some pages and counts the pages with an earlier one.
func (s *Service) publishBatches(ctx context.Context, of ref, batch *proto.Batch,
	pages []topology.PageNumber) (occupied int, err error) {
	out := make([]bus.Outgoing, len(pages))
	for i, n := range pages {
		out[i] = bus.Outgoing{
			Subject: topology.Batch(topology.PageRef{Account: of.account, Integration: of.id, Page: n}),
			Body:    batch, MsgID: batchID(batch.Tick, n),
		}
	}
	for _, err := range s.bus.PublishAll(ctx, out) {
		switch {
		case errors.Is(err, bus.ErrOccupied):
			occupied++
		case err != nil:
			return 0, err
		}
	}
	return occupied, nil
}
