package fetcher

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/bustest/machine"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

func TestATickAsksEveryPageOnce(t *testing.T) {
	w := newFixture(t)
	for page := range topology.PageNumber(5) {
		w.enrol(page, 3)
	}
	w.start(quick())
	api := newAPI(t, nil)
	i := w.integrate(api.URL)
	for range 3 {
		tick := w.tick(i)
		for page, devices := range w.pages {
			in := w.input(i, page, tick)
			for n, o := range in.Observations {
				if want := (proto.Observation{Device: devices[n].ID, Score: scoreOf(n), S2SID: fmt.Sprintf("s%d", n)}); o != want {
					t.Errorf("page %d: %+v, want %+v", page, o, want)
				}
			}
		}
		w.idle(i)
	}
	if n := api.calls.Load(); n != 15 {
		t.Errorf("%d calls for three ticks of five pages", n)
	}
}

// A planner crashed halfway and left some batches behind, one of them finished.
func TestAPlannerThatDiedLeavesNoDuplicates(t *testing.T) {
	w := newFixture(t)
	for page := range topology.PageNumber(6) {
		w.enrol(page, 2)
	}
	api := newAPI(t, nil)
	i := w.integrate(api.URL)
	tick := w.tick(i)
	dead := w.bus.Conn(topology.Fetcher)
	for page := range topology.PageNumber(3) {
		_, err := dead.Publish(t.Context(),
			bus.Outgoing{Subject: topology.Batch(topology.PageRef{Account: w.account, Integration: i.ID, Page: page}),
				Body: &proto.Batch{Tick: tick, Pages: 6}, MsgID: batchID(tick, page)})
		if err != nil {
			t.Fatal(err)
		}
	}
	d := topology.FetchConsumer(w.account, i.ID, 1)
	c, err := dead.JetStream().CreateOrUpdateConsumer(t.Context(), d.Stream, d.Config)
	if err != nil {
		t.Fatal(err)
	}
	done, err := c.Next()
	if err != nil {
		t.Fatal(err)
	}
	if err := done.DoubleAck(t.Context()); err != nil {
		t.Fatal(err)
	}
	s, _ := w.start(quick())
	for page := range topology.PageNumber(6) {
		if page != 0 {
			w.input(i, page, tick)
		}
	}
	w.idle(i)
	if n := api.calls.Load(); n != 5 {
		t.Errorf("%d calls, five pages were left", n)
	}
	if n := testutil.ToFloat64(s.metrics.overruns.WithLabelValues(i.ID.String())); n != 0 {
		t.Errorf("%v overruns counted", n)
	}
}

func TestAnOverrunIsCounted(t *testing.T) {
	w := newFixture(t)
	for page := range topology.PageNumber(4) {
		w.enrol(page, 1)
	}
	s, _ := w.start(quick())
	release := make(chan struct{})
	api := newAPI(t, func(w http.ResponseWriter, _ *http.Request, devices []proto.ID) {
		<-release
		answer(w, devices)
	})
	i := w.integrate(api.URL, func(i *proto.Integration) { i.Concurrency = 2 })
	first := w.tick(i)
	bustest.Eventually(t, "two calls are under way", func() bool { return api.calls.Load() == 2 })
	w.tick(i)
	overruns := s.metrics.overruns.WithLabelValues(i.ID.String())
	bustest.Eventually(t, "the overrun is counted", func() bool { return testutil.ToFloat64(overruns) == 4 })
	close(release)
	for page := range w.pages {
		w.input(i, page, first)
	}
	w.idle(i)
	third := w.tick(i)
	for page := range w.pages {
		w.input(i, page, third)
	}
	if n := testutil.ToFloat64(overruns); n != 4 {
		t.Errorf("%v overruns in the end", n)
	}
	if n := api.calls.Load(); n != 8 {
		t.Errorf("%d calls for two ticks of four pages, and one of none", n)
	}
}

func TestTicksThatAreSkipped(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	w.enrol(0, 1)
	s, _ := w.start(quick())
	api := newAPI(t, nil)
	for name, make := range map[string]func() *proto.Integration{
		"paused": func() *proto.Integration { return w.integrate(api.URL, func(i *proto.Integration) { i.Paused = true }) },
		"of another type": func() *proto.Integration {
			return w.integrate(api.URL, func(i *proto.Integration) { i.Type = "intune" })
		},
		"removed": func() *proto.Integration {
			i := w.integrate(api.URL)
			bustest.Eventually(t, "the fetcher knows the integration", func() bool {
				_, ok := s.catalog.Integration(w.account, i.ID)
				return ok
			})
			w.remove(i)
			bustest.Eventually(t, "the fetcher knows that it is removed", func() bool {
				_, ok := s.catalog.Integration(w.account, i.ID)
				return !ok
			})
			return i
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := testutil.ToFloat64(s.metrics.skipped)
			i := make()
			w.tick(i, func(tick *proto.Tick) { tick.Cause = proto.TickManual })
			bustest.Eventually(t, "the tick is skipped", func() bool { return testutil.ToFloat64(s.metrics.skipped) > before })
			if n := w.messages(topology.PostureBatches, topology.Batches(w.account, i.ID)); n != 0 {
				t.Errorf("%d batches", n)
			}
		})
	}
	if n := api.calls.Load(); n != 0 {
		t.Errorf("%d calls", n)
	}
}

// A tick made from a newer schedule waits until the fetcher has seen this schedule.
func TestATickWaitsForItsSchedule(t *testing.T) {
	w := newFixture(t)
	w.enrol(0, 1)
	w.start(quick())
	old, renewed := newAPI(t, nil), newAPI(t, nil)
	i := w.integrate(old.URL)
	tick := w.tick(i, func(tick *proto.Tick) { tick.Schedule = 2 })
	i.APIURL, i.Schedule = renewed.URL, 2
	w.save(i)
	w.input(i, 0, tick)
	if old.calls.Load() != 0 || renewed.calls.Load() != 1 {
		t.Errorf("%d calls of the old URL, %d of the new one", old.calls.Load(), renewed.calls.Load())
	}
}

// A batch waits for the revision of the configuration seen by its planner.
func TestABatchWaitsForItsConfiguration(t *testing.T) {
	w := newFixture(t)
	w.enrol(0, 1)
	w.start(quick())
	old, renewed := newAPI(t, nil), newAPI(t, nil)
	i := w.integrate(old.URL)
	d := topology.FetchConsumer(w.account, i.ID, 1)
	bustest.Eventually(t, "the consumer is there", func() bool {
		_, err := w.operator.JetStreamOf(d.Stream).Consumer(t.Context(), d.Stream, d.Config.Durable)
		return err == nil
	})
	next := w.save(i) + 1
	_, err := w.bus.Conn(topology.Fetcher).Publish(t.Context(),
		bus.Outgoing{Subject: topology.Batch(topology.PageRef{Account: w.account, Integration: i.ID}),
			Body: &proto.Batch{Tick: 9, Pages: 1, ConfigRevision: next}, MsgID: "9:0"})
	if err != nil {
		t.Fatal(err)
	}
	i.APIURL = renewed.URL
	if got := w.save(i); got != next {
		t.Fatalf("revision %d, want %d", got, next)
	}
	if in := w.input(i, 0, 9); in.ConfigRevision != next {
		t.Errorf("%+v", in)
	}
	if old.calls.Load() != 0 {
		t.Error("the old URL was called")
	}
}

func TestAFutureTickIsReported(t *testing.T) {
	w := newFixture(t)
	w.enrol(0, 1)
	s, _ := w.start(quick())
	i := w.integrate(newAPI(t, nil).URL)
	tick := w.tick(i, func(tick *proto.Tick) { tick.Due = proto.At(time.Now().Add(time.Hour)) })
	w.input(i, 0, tick)
	if n := testutil.ToFloat64(s.metrics.future); n != 1 {
		t.Errorf("%v reported", n)
	}
}

// With several concurrent fetchers, a page is never sent twice at the same time (the API checks) nor twice for one
// tick, and the integration's limit applies to all fetchers together.
func TestFetchersShareTheWork(t *testing.T) {
	w := newFixture(t)
	const pages, ticks = 12, 5
	for page := range topology.PageNumber(pages) {
		w.enrol(page, 2)
	}
	for range 3 {
		w.start(quick())
	}
	var jitter sync.Mutex
	turn := 0
	api := newAPI(t, func(w http.ResponseWriter, _ *http.Request, devices []proto.ID) {
		jitter.Lock()
		turn++
		wait := time.Duration(turn%7) * time.Millisecond
		jitter.Unlock()
		<-time.After(wait)
		answer(w, devices)
	})
	api.exclusive = true
	i := w.integrate(api.URL, func(i *proto.Integration) { i.Concurrency = 3 })
	for range ticks {
		tick := w.tick(i)
		for page := range topology.PageNumber(pages) {
			w.input(i, page, tick)
		}
		w.idle(i)
	}
	for page, devices := range w.pages {
		if n := api.askedAbout(devices[0].ID); n != ticks {
			t.Errorf("page %d was asked about %d times in %d ticks", page, n, ticks)
		}
	}
	if api.most > 3 {
		t.Errorf("%d calls under way at once, the limit is 3", api.most)
	}
}

// A fetcher stopped in the middle of a call leaves it to the next, and stops in time.
func TestAStoppedFetcherLeavesItsPages(t *testing.T) {
	w := newFixture(t)
	w.enrol(0, 2)
	cfg := quick()
	cfg.AttemptTimeout, cfg.CallTimeout = time.Minute, time.Minute
	_, stop := w.start(cfg)
	hang := true
	var mu sync.Mutex
	api := newAPI(t, func(w http.ResponseWriter, r *http.Request, devices []proto.ID) {
		mu.Lock()
		h := hang
		mu.Unlock()
		if h {
			<-r.Context().Done()
			return
		}
		answer(w, devices)
	})
	i := w.integrate(api.URL)
	tick := w.tick(i)
	bustest.Eventually(t, "the call is under way", func() bool { return api.calls.Load() == 1 })
	if took := machine.Took(stop); took > 20*time.Second {
		t.Errorf("it took %v to stop", took)
	}
	if _, ok := w.stored(i, 0); ok {
		t.Error("a call that was given up left an input")
	}
	mu.Lock()
	hang = false
	mu.Unlock()
	w.start(cfg)
	if in := w.input(i, 0, tick); in.Poll.Error != proto.ReasonNone {
		t.Errorf("%+v", in.Poll)
	}
}

// After a fetcher died in the middle of a call, its page goes to another.
func TestADeadFetchersPagesMoveOn(t *testing.T) {
	t.Parallel() // it takes as long as a claim lasts
	w := newFixture(t)
	w.enrol(0, 2)
	api := newAPI(t, nil)
	i := w.integrate(api.URL)
	tick := w.tick(i)
	ref := topology.PageRef{Account: w.account, Integration: i.ID}
	dead := w.bus.Conn(topology.Fetcher)
	if _, err := dead.Publish(t.Context(), bus.Outgoing{Subject: topology.Batch(ref),
		Body: &proto.Batch{Tick: tick, Pages: 1}, MsgID: batchID(tick, 0)}); err != nil {
		t.Fatal(err)
	}
	d := topology.FetchConsumer(w.account, i.ID, 8)
	c, err := dead.JetStream().CreateOrUpdateConsumer(t.Context(), d.Stream, d.Config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Next(); err != nil { // and never a word again
		t.Fatal(err)
	}
	w.start(quick())
	ctx, cancel := context.WithTimeout(t.Context(), 4*topology.AckWait)
	defer cancel()
	for {
		if in, ok := w.stored(i, 0); ok {
			if in.Tick != tick || in.Poll.Error != proto.ReasonNone {
				t.Errorf("%+v", in)
			}
			return
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			t.Fatal("the page of a dead fetcher stayed where it was")
		}
	}
}

// A call longer than its claim is not repeated by another fetcher at the same time (the API checks).
func TestALongCallKeepsItsPage(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	w.enrol(0, 2)
	cfg := quick()
	cfg.CallTimeout, cfg.AttemptTimeout = time.Minute, time.Minute
	w.start(cfg)
	w.start(cfg)
	api := newAPI(t, func(w http.ResponseWriter, _ *http.Request, devices []proto.ID) {
		<-time.After(topology.AckWait + 2*time.Second)
		answer(w, devices)
	})
	api.exclusive = true
	i := w.integrate(api.URL)
	tick := w.tick(i)
	for deadline := time.Now().Add(4 * topology.AckWait); time.Now().Before(deadline); <-time.After(
		50 * time.Millisecond) {
		if in, ok := w.stored(i, 0); ok {
			if in.Tick != tick || in.Poll.Error != proto.ReasonNone || in.Poll.Took < topology.AckWait || api.calls.Load() != 1 {
				t.Errorf("%+v, %d calls", in.Poll, api.calls.Load())
			}
			return
		}
	}
	t.Fatal("the call was not made")
}
