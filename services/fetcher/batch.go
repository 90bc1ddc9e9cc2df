package fetcher

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v4"
	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/fetcher/scoring"
	"plumbline.dev/services/internal/catalog"
)

// batchID is the Nats-Msg-Id of a batch and of its result.
func batchID(tick uint64, page topology.PageNumber) string { return fmt.Sprintf("%d:%d", tick, page) }

// fetch makes the call of one batch and publishes its result. A batch of a removed or paused integration is dropped: a
// removed one has no results any more, a paused one is polled after its resumption.
func (s *Service) fetch(ctx context.Context, m *bus.Msg) error {
	page, err := topology.ParsePage(m.Subject)
	if err != nil {
		return bus.Permanent(err)
	}
	var b proto.Batch
	if err := m.Decode(&b); err != nil {
		return err
	}
	of := ref{page.Account, page.Integration}
	leave, err := s.gate.enter(ctx, of.id)
	if err != nil {
		return err
	}
	defer leave()
	if m.Delivered > 1 {
		s.metrics.repeated.Inc()
	}
	w := works.Get().(*work)
	defer w.release()
	rec, in, err := s.pollAsConfigured(ctx, w, page, &b)
	if err != nil {
		if _, still := s.catalog.Integration(of.account, of.id); !still && errors.Is(err, errAbandoned) {
			s.metrics.dropped.Inc()
			return nil
		}
		return err
	}
	if in == nil {
		s.metrics.dropped.Inc()
		return nil
	}
	if err := s.publish(ctx, page, in); err != nil {
		return err
	}
	s.report(page, rec, in)
	return nil
}

// errChanged ends a call because the integration's URL, credentials or interval changed, or the integration was
// removed.
var errChanged = errors.New("the integration was changed or removed")

// pollAsConfigured polls a page; it returns nil if the integration is not to be polled. A changed integration is due at
// once: a call with the old configuration must not block the page until its retries end, so it is cancelled and made
// again.
func (s *Service) pollAsConfigured(ctx context.Context, w *work, page topology.PageRef,
	b *proto.Batch) (catalog.Record[proto.Integration], *proto.Input, error) {
	for seen := b.ConfigRevision; ; {
		rec, found, err := s.integration(ctx, ref{page.Account, page.Integration}, seen)
		if err != nil || !found || !rec.Value.Polled() {
			return rec, nil, err
		}
		current, stop := s.whileScheduled(ctx, rec)
		in, err := s.poll(current, w, page, b, rec)
		changed := errors.Is(context.Cause(current), errChanged)
		stop()
		if err == nil || !changed {
			return rec, in, err
		}
		seen = rec.Revision
	}
}

// whileScheduled is ctx until the integration has a newer schedule, or is removed.
func (s *Service) whileScheduled(ctx context.Context,
	rec catalog.Record[proto.Integration]) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		for {
			changed := s.catalog.Changed()
			if now, found := s.catalog.Integration(rec.Account, rec.Value.ID); !found ||
				now.Value.Schedule > rec.Value.Schedule {
				cancel(errChanged)
			}
			select {
			case <-ctx.Done():
				return
			case <-changed:
			}
		}
	}()
	return ctx, func() { cancel(nil) }
}

// work holds the buffers for the call of one page. The next page uses them again.
type work struct {
	page         proto.Page
	observations []proto.Observation
}

var works = sync.Pool{New: func() any { return new(work) }}

func (w *work) release() {
	w.page.Devices = nil
	clear(w.observations[:cap(w.observations)])
	works.Put(w)
}

// poll reads the page and makes the call. A page without devices needs none.
func (s *Service) poll(ctx context.Context, w *work, page topology.PageRef, b *proto.Batch,
	rec catalog.Record[proto.Integration]) (*proto.Input, error) {
	revision, err := s.bus.Get(ctx, topology.Devices, topology.PageKey(page.Account, page.Page), &w.page)
	if err != nil {
		return nil, err
	}
	in := &proto.Input{Cause: proto.CausePoll, Tick: b.Tick, PageRevision: revision, ConfigRevision: rec.Revision}
	defer func() { in.Poll.TickAt = b.TickAt }()
	if len(w.page.Devices) == 0 {
		return in, nil
	}
	at, wrong := s.targets.of(rec)
	if wrong != nil {
		in.Poll = proto.Poll{Error: wrong.reason, Detail: wrong.sentence}
		return in, nil
	}
	body := newPayload()
	defer body.release()
	body.data = scoring.AppendRequest(body.data, w.page.Devices)
	c := call{caller: s.caller, of: ref{page.Account, page.Integration}, at: at, body: body, asked: w.page.Devices,
		into: w.observations}
	if in.Poll, err = c.make(ctx, s.cfg.CallTimeout, -1); err != nil {
		return nil, err
	}
	if in.Poll.Error == proto.ReasonNone {
		in.Observations, w.observations = c.answer.Observations, c.answer.Observations
	}
	return in, nil
}

// publish sends the result of a call to the evaluators. If the bus is away for a while, it waits: polling the API again
// would be worse.
func (s *Service) publish(ctx context.Context, page topology.PageRef, in *proto.Input) error {
	out := bus.Outgoing{Subject: topology.Scores(page), Body: in, MsgID: batchID(in.Tick, page.Page)}
	wait := backoff.NewExponentialBackOff(backoff.WithInitialInterval(50*time.Millisecond),
		backoff.WithMaxInterval(2*time.Second), backoff.WithMaxElapsedTime(s.cfg.CallTimeout))
	return backoff.Retry(func() error {
		_, err := s.bus.Publish(ctx, out)
		return err
	}, backoff.WithContext(wait, ctx))
}

// bury records a failed poll for a batch on its way to the dead letters, so its page gets an entry.
func (s *Service) bury(ctx context.Context, m *bus.Msg, _ error) error {
	var b proto.Batch
	page, err := topology.ParsePage(m.Subject)
	if err != nil || m.Decode(&b) != nil {
		return nil // the page and the tick are unknown
	}
	rec, found := s.catalog.Integration(page.Account, page.Integration)
	if !found {
		return nil
	}
	in := &proto.Input{Cause: proto.CausePoll, Tick: b.Tick, ConfigRevision: rec.Revision,
		Poll: proto.Poll{Error: proto.ReasonAPIError, TickAt: b.TickAt,
			Detail: "No call was made: the page could not be handled, see the dead letters."}}
	s.report(page, rec, in)
	return s.publish(ctx, page, in)
}
