package scheduler

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/slot"
)

// fixture is a server, and an api to configure integrations on it.
type fixture struct {
	t       testing.TB
	bus     *bustest.Bus
	api     *bus.Conn
	account proto.Account
	fake    *clock.Fake // of some schedulers; hours behind the server's clock
}

func newFixture(t testing.TB) *fixture {
	b := bustest.Start(t)
	return &fixture{t: t, bus: b, api: b.Conn(topology.API), account: proto.NewAccount(),
		fake: clock.NewFake(time.Now().Add(-24 * time.Hour))}
}

// run runs a scheduler until stop is called, or the test ends. Without a clock it is on the fake one, and
// so is the server as far as the scheduler can tell.
func (w *fixture) run(c clock.Clock) (s *Service, stop func()) {
	w.t.Helper()
	deps := Deps{Bus: w.bus.Conn(topology.Scheduler), Log: bustest.Log(w.t), Metrics: prometheus.NewRegistry(), Clock: c}
	if c == nil {
		deps.Clock, deps.ServerTime = w.fake, func(context.Context) (time.Time, error) { return w.fake.Now(), nil }
	}
	s, err := New(Config{}, deps)
	if err != nil {
		w.t.Fatal(err)
	}
	return s, bustest.Run(w.t, s.Run)
}

// counted is how many integrations stood so after the last pass.
func (s *Service) counted(r Reason) float64 {
	return testutil.ToFloat64(s.metrics.integrations.WithLabelValues(string(r)))
}

// subject is an integration under test.
type subject struct {
	*fixture
	proto.Integration
	revision uint64
}

func (w *fixture) integration(interval time.Duration) *subject {
	w.t.Helper()
	s := &subject{fixture: w,
		Integration: proto.Integration{ID: proto.NewID(), Type: proto.TypeCustomS2S, Interval: interval, Schedule: 1}}
	s.save(func(*proto.Integration) {})
	return s
}

func (s *subject) save(edit func(*proto.Integration)) {
	s.t.Helper()
	edit(&s.Integration)
	revision, err := s.api.Put(s.t.Context(), topology.Config,
		topology.ConfigKey(s.account, topology.KindIntegration, s.ID), &s.Integration, s.revision)
	if err != nil {
		s.t.Fatal(err)
	}
	s.revision = revision
}

// newest returns the newest tick, or a zero one if there is none.
func (s *subject) newest() (t proto.Tick, seq uint64) {
	s.t.Helper()
	m, err := s.api.Last(s.t.Context(), topology.PostureTicks, topology.Tick(s.account, s.ID))
	if errors.Is(err, bus.ErrNotFound) {
		return t, 0
	}
	if err == nil {
		err = m.Decode(&t)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return t, m.Seq
}

// next waits for the tick after seq, and moves the fake clock on a little while it waits.
func (s *subject) next(seq uint64) (t proto.Tick, newest uint64) {
	s.t.Helper()
	bustest.Eventually(s.t, fmt.Sprint("a tick after ", seq), func() bool {
		if t, newest = s.newest(); newest > seq {
			return true
		}
		s.fake.Advance(20 * time.Millisecond)
		return false
	})
	return t, newest
}

// stand sets the fake clock to a second after the begin of a slot, counted from the current one.
func (s *subject) stand(slots int64) {
	cut := slot.Of(s.ID, s.Interval)
	s.fake.Set(cut.Begin(cut.At(s.fake.Now()) + slots).Add(time.Second))
}

func TestNewAndChangedIntegrationsArePolledAtOnce(t *testing.T) {
	w := newFixture(t)
	w.run(nil)
	i := w.integration(time.Hour)
	i.stand(0)
	first, seq := i.next(0)
	if first.Cause != proto.TickChanged || first.Schedule != 1 || first.Interval != time.Hour {
		t.Errorf("first tick %+v", first)
	}
	i.save(func(c *proto.Integration) { c.APIURL, c.Schedule = "https://elsewhere.example", 2 })
	changed, seq := i.next(seq)
	if changed.Cause != proto.TickChanged || changed.Schedule != 2 || changed.Slot != first.Slot {
		t.Errorf("tick of the change %+v, of the first %+v", changed, first)
	}
	// 1h, 1m and back.
	for _, interval := range []time.Duration{time.Minute, time.Hour} {
		i.save(func(c *proto.Integration) { c.Interval, c.Schedule = interval, c.Schedule+1 })
		if changed, seq = i.next(seq); changed.Interval != interval || changed.Schedule != i.Schedule ||
			changed.Cause != proto.TickChanged {
			t.Errorf("tick of the change to %v: %+v", interval, changed)
		}
		i.stand(1)
		var due proto.Tick
		if due, seq = i.next(seq); due.Slot != changed.Slot+1 || due.Cause != proto.TickDue {
			t.Errorf("the tick after it %+v, it was %+v", due, changed)
		}
	}
}

func TestPausedIsNotPolledAndResumedIsAtOnce(t *testing.T) {
	w := newFixture(t)
	s, _ := w.run(nil)
	i, other := w.integration(time.Hour), w.integration(time.Hour)
	i.stand(0)
	_, seq := i.next(0)
	_, others := other.next(0)
	i.save(func(c *proto.Integration) { c.Paused = true })
	bustest.Eventually(t, "the pause is known", func() bool { return s.counted(ReasonNotPolled) == 1 })
	for range 3 {
		other.stand(1)
		_, others = other.next(others) // a pass with i as well
	}
	if _, now := i.newest(); now != seq {
		t.Error("a paused integration was polled")
	}
	i.save(func(c *proto.Integration) { c.Paused, c.Schedule = false, c.Schedule+1 })
	if resumed, _ := i.next(seq); resumed.Cause != proto.TickChanged || resumed.Schedule != 2 {
		t.Errorf("tick of the resumption %+v", resumed)
	}
}

func TestOneTickIsMadeUpAfterAnOutage(t *testing.T) {
	w := newFixture(t)
	_, stop := w.run(nil)
	i := w.integration(time.Minute)
	i.stand(0)
	before, seq := i.next(0)
	stop()
	i.stand(60)
	w.run(nil)
	w.run(nil)
	made, after := i.next(seq)
	if made.Slot != before.Slot+60 || made.Cause != proto.TickDue {
		t.Errorf("made up %+v, the last was %+v", made, before)
	}
	i.stand(1)
	next, last := i.next(after)
	// The sequences of the stream count every tick there ever was.
	if next.Slot != made.Slot+1 || last != seq+2 {
		t.Errorf("the next is %+v at %d; the last before the outage was at %d", next, last, seq)
	}
}

func TestAManualTickDoesNotDisturb(t *testing.T) {
	w := newFixture(t)
	w.run(nil)
	i := w.integration(time.Minute)
	i.stand(0)
	first, seq := i.next(0)
	manual := first
	manual.Cause, manual.Due = proto.TickManual, proto.At(w.fake.Now())
	ack, err := w.api.Publish(t.Context(),
		bus.Outgoing{Subject: topology.Tick(w.account, i.ID), Body: &manual, ExpectLast: bus.Expect(seq)})
	if err != nil {
		t.Fatal(err)
	}
	i.stand(1)
	if due, last := i.next(ack.Seq); due.Slot != first.Slot+1 || due.Cause != proto.TickDue || last != ack.Seq+1 {
		t.Errorf("after a manual tick at %d: %+v at %d", ack.Seq, due, last)
	}
}

// Schedulers at once, on the machine's clock: every slot has one tick.
func TestSchedulersAtOnce(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *bustest.Bus{
		"one server": bustest.Start, "three replicas": bustest.Cluster,
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t)
			w := &fixture{t: t, bus: b, api: b.Conn(topology.API), account: proto.NewAccount(), fake: clock.NewFake(time.Now())}
			w.integration(500 * time.Millisecond)
			all, err := b.Conn(topology.Operator).JetStream().OrderedConsumer(t.Context(), topology.PostureTicks,
				jetstream.OrderedConsumerConfig{})
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				w.run(clock.System)
			}
			_, stop := w.run(clock.System)
			ticks, err := all.Messages()
			if err != nil {
				t.Fatal(err)
			}
			defer ticks.Stop()
			last := int64(0)
			for n := range 8 {
				m, err := ticks.Next(jetstream.NextMaxWait(time.Minute))
				if err != nil {
					t.Fatal(err)
				}
				var tick proto.Tick
				if err := proto.Unmarshal(m.Data(), &tick); err != nil {
					t.Fatal(err)
				}
				if n > 0 && tick.Slot <= last {
					t.Errorf("a tick of slot %d after one of %d", tick.Slot, last)
				}
				if n == 3 {
					stop()
					w.run(clock.System)
				}
				last = tick.Slot
			}
		})
	}
}

// A scheduler with a clock an hour fast uses the server's time, reports its own, and continues once it is set right.
func TestOwnClockAnHourFast(t *testing.T) {
	w := newFixture(t)
	w.fake.Set(time.Now().Add(time.Hour))
	s, _ := w.run(w.fake)
	i := w.integration(time.Minute)
	tick, _ := i.next(0)
	if ahead := time.Until(tick.Due.Time()); ahead > time.Second {
		t.Errorf("a tick due in %v", ahead)
	}
	fault := func() float64 { return testutil.ToFloat64(s.metrics.faults.WithLabelValues(string(FaultOwnClock))) }
	bustest.Eventually(t, "the fault is reported", func() bool { return fault() == 1 })
	// Unlike the machine's timers, those of the fake clock wait for it to come round: a change wakes the scheduler.
	set := func(to time.Time, until string, ok func() bool) {
		t.Helper()
		w.fake.Set(to)
		i.save(func(c *proto.Integration) { c.Schedule++ })
		bustest.Eventually(t, until, ok)
	}
	set(time.Now(), "the clock is right again", func() bool { return testutil.ToFloat64(s.metrics.offset) < 10 })
	_, seq := i.newest()
	set(time.Now().Add(-time.Hour), "a slow clock is a fault too", func() bool { return fault() == 2 })
	if tick, _ := i.next(seq); time.Until(tick.Due.Time()).Abs() > time.Minute+time.Second {
		t.Errorf("a slow clock's tick is due at %v", tick.Due.Time())
	}
}

// A tick from an hour ahead neither silences the integration nor is it believed.
func TestATickFromAnHourAhead(t *testing.T) {
	w := newFixture(t)
	i := w.integration(time.Second)
	cut := slot.Of(i.ID, i.Interval)
	ahead := cut.At(time.Now().Add(time.Hour))
	if _, err := w.bus.Conn(topology.Operator).Publish(t.Context(), bus.Outgoing{Subject: topology.Tick(w.account, i.ID),
		Body: &proto.Tick{Slot: ahead, Due: proto.At(cut.Begin(ahead)), Interval: i.Interval,
			Schedule: i.Schedule}}); err != nil {
		t.Fatal(err)
	}
	_, seq := i.newest()
	s, _ := w.run(clock.System)
	tick, seq := i.next(seq)
	if tick.Slot >= ahead-3000 || tick.Cause != proto.TickDue {
		t.Errorf("the next tick is %+v", tick)
	}
	i.next(seq)
	if got := testutil.ToFloat64(s.metrics.faults.WithLabelValues(string(FaultTickAhead))); got != 1 {
		t.Errorf("%v faults reported", got)
	}
}

func TestAnUnreadableTickIsReplaced(t *testing.T) {
	w := newFixture(t)
	i := w.integration(time.Hour)
	ack, err := w.bus.Conn(topology.Operator).JetStream().Publish(t.Context(), topology.Tick(w.account, i.ID),
		[]byte("garbage"))
	if err != nil {
		t.Fatal(err)
	}
	w.run(clock.System)
	bustest.Eventually(t, "a tick in its place", func() bool {
		m, err := w.api.Last(t.Context(), topology.PostureTicks, topology.Tick(w.account, i.ID))
		return err == nil && m.Seq > ack.Sequence
	})
	if tick, _ := i.newest(); tick.Schedule != 1 {
		t.Errorf("%+v", tick)
	}
}

// A scheduler without knowledge of a change leaves the integration to the others.
func TestAStaleCatalogPublishesNothing(t *testing.T) {
	w := newFixture(t)
	i, other := w.integration(time.Minute), w.integration(time.Minute)
	if _, err := w.bus.Conn(topology.Operator).Publish(t.Context(), bus.Outgoing{Subject: topology.Tick(w.account, i.ID),
		Body: &proto.Tick{Interval: time.Hour, Schedule: 2}}); err != nil {
		t.Fatal(err)
	}
	_, seq := i.newest()
	s, _ := w.run(nil)
	other.stand(0)
	_, others := other.next(0)
	other.stand(1)
	other.next(others)
	if _, now := i.newest(); now != seq {
		t.Error("polled by a schedule that is out of date")
	}
	bustest.Eventually(t, "the gauge shows it", func() bool { return s.counted(ReasonBehind) == 1 })
	i.save(func(c *proto.Integration) { c.Interval, c.Schedule = time.Hour, 3 })
	if tick, _ := i.next(seq); tick.Schedule != 3 {
		t.Errorf("%+v", tick)
	}
}

func TestRemovedIntegrationsAreForgotten(t *testing.T) {
	w := newFixture(t)
	s, stop := w.run(nil)
	i := w.integration(time.Minute)
	_, seq := i.next(0)
	bustest.Eventually(t, "it is known", func() bool { return s.counted(ReasonWaiting) == 1 })
	if err := w.api.Delete(t.Context(), topology.Config, topology.ConfigKey(w.account, topology.KindIntegration, i.ID),
		i.revision); err != nil {
		t.Fatal(err)
	}
	bustest.Eventually(t, "it is forgotten", func() bool { return s.counted(ReasonWaiting) == 0 })
	other := w.integration(time.Minute)
	_, others := other.next(0)
	for range 2 {
		other.stand(1)
		_, others = other.next(others)
	}
	if _, now := i.newest(); now != seq {
		t.Error("a removed integration was polled")
	}
	stop()
	if len(s.entries) != 1 {
		t.Errorf("%d entries", len(s.entries))
	}
}

func TestReady(t *testing.T) {
	w := newFixture(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	broken := errors.New("no answer")
	var mu sync.Mutex
	s, err := New(Config{}, Deps{Bus: w.bus.Conn(topology.Scheduler), Log: bustest.Log(t),
		Metrics: prometheus.NewRegistry(), Clock: w.fake,
		ServerTime: func(context.Context) (time.Time, error) {
			mu.Lock()
			defer mu.Unlock()
			return w.fake.Now(), broken
		}})
	if err != nil {
		t.Fatal(err)
	}
	if s.Ready(ctx) == nil {
		t.Error("ready before it runs")
	}
	stop := bustest.Run(t, s.Run)
	bustest.Eventually(t, "it says what is wrong", func() bool { return errors.Is(s.Ready(ctx), broken) })
	mu.Lock()
	broken = nil
	mu.Unlock()
	bustest.Eventually(t, "it is ready", func() bool { w.fake.Advance(time.Second); return s.Ready(ctx) == nil })
	stop()
}

func TestConfig(t *testing.T) {
	for _, bad := range []Config{{MinInterval: -1}, {Concurrency: -1}} {
		if _, err := New(bad, Deps{}); err == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
}

// One pass over ten thousand due integrations.
func BenchmarkTenThousandDue(b *testing.B) {
	w := newFixture(b)
	const n = 10_000
	puts := make([]bus.Outgoing, n)
	for i := range puts {
		id := proto.NewID()
		puts[i] = bus.PutMsg(topology.Config, topology.ConfigKey(w.account, topology.KindIntegration, id),
			&proto.Integration{ID: id, Type: proto.TypeCustomS2S, Interval: time.Hour, Schedule: 1}, 0)
	}
	if errs := w.api.PublishAll(b.Context(), puts); errs != nil {
		b.Fatal(errors.Join(errs...))
	}
	s, err := New(Config{}, Deps{Bus: w.bus.Conn(topology.Scheduler), Log: bustest.Log(b),
		Metrics: prometheus.NewRegistry(), Clock: w.fake,
		ServerTime: func(context.Context) (time.Time, error) { return w.fake.Now(), nil }})
	if err != nil {
		b.Fatal(err)
	}
	go s.catalog.Run(b.Context())
	if err := s.catalog.Await(b.Context()); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.pass(b.Context()); err != nil {
			b.Fatal(err)
		}
		w.fake.Advance(time.Hour)
	}
	if got := testutil.ToFloat64(s.metrics.ticks.WithLabelValues(string(ReasonFirst))); got != n {
		b.Errorf("%v first ticks", got)
	}
	b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "ticks/s")
}
