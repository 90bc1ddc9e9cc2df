package fetcher

import (
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// consumer returns the server's state of an integration's consumer, if it exists.
func (w *fixture) consumer(i *proto.Integration) (*jetstream.ConsumerInfo, bool) {
	w.t.Helper()
	d := topology.FetchConsumer(w.account, i.ID, 1)
	c, err := w.operator.JetStreamOf(d.Stream).Consumer(w.t.Context(), d.Stream, d.Config.Durable)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return nil, false
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return c.CachedInfo(), true
}

func (w *fixture) batch(i *proto.Integration, page topology.PageNumber, tick uint64) {
	w.t.Helper()
	_, err := w.bus.Conn(topology.Fetcher).Publish(w.t.Context(),
		bus.Outgoing{MsgID: batchID(tick, page), Body: &proto.Batch{Tick: tick, Pages: 1},
			Subject: topology.Batch(topology.PageRef{Account: w.account, Integration: i.ID, Page: page})})
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestTheConsumerFollowsTheConfiguration(t *testing.T) {
	w := newFixture(t)
	w.enrol(0, 1)
	s, _ := w.start(quick())
	api := newAPI(t, nil)
	i := w.integrate(api.URL)
	pending := func(n int) func() bool {
		return func() bool {
			info, ok := w.consumer(i)
			return ok && info.Config.MaxAckPending == n
		}
	}
	bustest.Eventually(t, "the consumer has the default limit", pending(proto.DefaultConcurrency))
	i.Concurrency = 3
	w.save(i)
	bustest.Eventually(t, "the consumer has the new limit", pending(3))
	tick := w.tick(i)
	w.input(i, 0, tick)
	i.Paused = true
	w.save(i)
	bustest.Eventually(t, "the fetcher knows of the pause", func() bool {
		rec, ok := s.catalog.Integration(w.account, i.ID)
		return ok && rec.Value.Paused
	})
	w.batch(i, 0, tick+1)
	bustest.Eventually(t, "a batch that was left is dropped", func() bool {
		return testutil.ToFloat64(s.metrics.dropped) == 1
	})
	w.idle(i)
	if _, ok := w.consumer(i); !ok {
		t.Error("a paused integration has no consumer")
	}
	if n := api.calls.Load(); n != 1 {
		t.Errorf("%d calls", n)
	}
}

// Everything left by a removed integration is cleaned up without a call: waiting batches, a call in progress, and the
// consumer, on every fetcher.
func TestARemovedIntegrationIsClearedAway(t *testing.T) {
	w := newFixture(t)
	for page := range topology.PageNumber(20) {
		w.enrol(page, 1)
	}
	cfg := quick()
	cfg.CallTimeout, cfg.AttemptTimeout = time.Minute, time.Minute
	s, _ := w.start(cfg)
	w.start(cfg)
	api := newAPI(t, func(_ http.ResponseWriter, r *http.Request, _ []proto.ID) { <-r.Context().Done() })
	i := w.integrate(api.URL, func(i *proto.Integration) { i.Concurrency = 4 })
	w.tick(i)
	bustest.Eventually(t, "four calls are under way", func() bool { return api.calls.Load() == 4 })
	i.Concurrency = 5 // from here on there are other workers, without knowledge of the calls
	w.save(i)
	bustest.Eventually(t, "a fifth call is under way", func() bool { return api.calls.Load() == 5 })
	w.remove(i)
	bustest.Eventually(t, "the consumer is gone", func() bool { _, ok := w.consumer(i); return !ok })
	w.idle(i)
	if n := w.messages(topology.PostureScores, ">"); n != 0 {
		t.Errorf("%d inputs of an integration that is gone", n)
	}
	if n := w.messages(topology.PostureDead, ">"); n != 0 {
		t.Errorf("%d dead letters", n)
	}
	s.targets.mu.Lock()
	defer s.targets.mu.Unlock()
	if len(s.targets.kept) != 0 {
		t.Error("the integration's credentials are still in memory")
	}
}

// A call to a hanging URL does not hold its page once the URL was mended.
func TestACallToAnOldURLIsGivenUp(t *testing.T) {
	w := newFixture(t)
	w.enrol(0, 1)
	cfg := quick()
	cfg.CallTimeout, cfg.AttemptTimeout = time.Minute, time.Minute
	w.start(cfg)
	hangs := newAPI(t, func(_ http.ResponseWriter, r *http.Request, _ []proto.ID) { <-r.Context().Done() })
	answers := newAPI(t, func(rw http.ResponseWriter, _ *http.Request, devices []proto.ID) { answer(rw, devices) })
	i := w.integrate(hangs.URL)
	tick := w.tick(i)
	bustest.Eventually(t, "the call is under way", func() bool { return hangs.calls.Load() == 1 })
	i.APIURL, i.Schedule = answers.URL, i.Schedule+1
	w.save(i)
	if in := w.input(i, 0, tick); in.Poll.Error != proto.ReasonNone || len(in.Observations) != 1 {
		t.Errorf("input %+v", in)
	}
	w.idle(i)
}

// Batches and consumers of integrations removed while no fetcher ran, or created by a late planner, are found.
func TestStraysAreFound(t *testing.T) {
	w := newFixture(t)
	w.enrol(0, 1)
	withBatch, withConsumer, alive := w.integrate("http://127.0.0.1:1"), w.integrate("http://127.0.0.1:1"),
		w.integrate("http://127.0.0.1:1", func(i *proto.Integration) { i.Paused = true })
	for page := range topology.PageNumber(3) {
		w.batch(withBatch, page, 7)
	}
	d := topology.FetchConsumer(w.account, withConsumer.ID, 4)
	if _, err := w.operator.JetStreamOf(d.Stream).CreateConsumer(t.Context(), d.Stream, d.Config); err != nil {
		t.Fatal(err)
	}
	w.remove(withBatch)
	w.remove(withConsumer)
	w.start(quick())
	bustest.Eventually(t, "the consumer without an integration is gone", func() bool {
		_, ok := w.consumer(withConsumer)
		return !ok
	})
	w.idle(withBatch)
	bustest.Eventually(t, "and so is the one that cleared the batches", func() bool {
		_, ok := w.consumer(withBatch)
		return !ok
	})
	w.batch(withBatch, 5, 8) // a very late planner
	w.idle(withBatch)
	if _, ok := w.consumer(alive); !ok {
		t.Error("the sweep took a living integration's consumer")
	}
}

// An API without responses does not delay the calls of others.
func TestASlowAPIStarvesNobody(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	for page := range topology.PageNumber(16) {
		w.enrol(page, 1)
	}
	cfg := quick()
	cfg.MaxInFlight = 4
	cfg.CallTimeout, cfg.AttemptTimeout = time.Minute, time.Minute
	s, _ := w.start(cfg)
	var slow []*proto.Integration
	for range 3 {
		stuck := newAPI(t, func(_ http.ResponseWriter, r *http.Request, _ []proto.ID) { <-r.Context().Done() })
		i := w.integrate(stuck.URL, func(i *proto.Integration) { i.Concurrency = 16 })
		slow = append(slow, i)
		w.tick(i)
		bustest.Eventually(t, "the slow one has all that it can get", func() bool { return stuck.calls.Load() > 0 })
	}
	bustest.Eventually(t, "the slow ones wait for more", func() bool { _, waiting := s.gate.load(); return waiting > 0 })
	api := newAPI(t, nil)
	i := w.integrate(api.URL)
	for range 2 {
		tick := w.tick(i)
		for page := range w.pages {
			w.input(i, page, tick)
		}
		w.idle(i)
	}
	if inside, _ := s.gate.load(); inside > 4+len(slow) {
		t.Errorf("%d pages in flight", inside)
	}
	for _, i := range slow {
		w.remove(i)
	}
	for _, i := range slow {
		w.idle(i)
	}
}

// Invariant 10: for any number of pages and any limit of the integration, the number of pages in memory is bounded.
func TestPagesInFlightAreBounded(t *testing.T) {
	w := newFixture(t)
	for page := range topology.PageNumber(60) {
		w.enrol(page, 1)
	}
	cfg := quick()
	cfg.MaxInFlight = 4 // an integration polled alone gets them all
	w.start(cfg)
	two := make(chan struct{})
	var calls atomic.Int32
	api := newAPI(t, func(w http.ResponseWriter, _ *http.Request, devices []proto.ID) {
		if calls.Add(1) == 2 {
			close(two)
		}
		<-two // the first waits for another
		<-time.After(2 * time.Millisecond)
		answer(w, devices)
	})
	i := w.integrate(api.URL, func(i *proto.Integration) { i.Concurrency = proto.MaxConcurrency })
	tick := w.tick(i)
	for page := range w.pages {
		w.input(i, page, tick)
	}
	if api.most > 4 || api.most < 2 {
		t.Errorf("%d calls under way at once, at most 4 wanted", api.most)
	}
}

// A permanently failing batch leaves a dead letter and a failed poll.
func TestAnUnreadablePageGetsAFailedPoll(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	w.enrol(0, 1)
	w.start(quick())
	i := w.integrate(newAPI(t, nil).URL)
	key := topology.BucketSubject(topology.Devices, topology.PageKey(w.account, 0))
	if _, err := w.operator.JetStream().Publish(t.Context(), key, []byte("no msgpack")); err != nil {
		t.Fatal(err)
	}
	tick := w.tick(i)
	in := w.input(i, 0, tick)
	if p := in.Poll; p.Error != proto.ReasonAPIError || p.Attempts != 0 || p.Detail == "" || in.ConfigRevision == 0 {
		t.Errorf("%+v", in)
	}
	w.idle(i)
	if n := w.messages(topology.PostureDead, topology.Dead(stageFetch, w.account)); n != 1 {
		t.Errorf("%d dead letters", n)
	}
}
