package registry

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

func TestImportFillsPages(t *testing.T) {
	w := newFixture(t)
	s, _ := w.run(Config{})
	for _, c := range []struct {
		command proto.Command
		answer  string
		sizes   []int
	}{
		{proto.Command{Upsert: fleet(0, 1000)}, "+1000 ~0 =0 -0 ?0 !0", []int{1000}},
		{proto.Command{Upsert: fleet(1000, 2000)}, "+1000 ~0 =0 -0 ?0 !0", []int{1000, 1000}},
		{proto.Command{Upsert: fleet(2000, 2500)}, "+500 ~0 =0 -0 ?0 !0", []int{1000, 1000, 500}},
		{proto.Command{Upsert: fleet(0, 2500)}, "+0 ~0 =2500 -0 ?0 !0", []int{1000, 1000, 500}},
		{proto.Command{Remove: ids(500, 1500)}, "+0 ~0 =0 -1000 ?0 !0", []int{500, 500, 500}},
		{proto.Command{Upsert: fleet(2500, 3200)}, "+700 ~0 =0 -0 ?0 !0", []int{1000, 700, 500}},
		{proto.Command{Remove: ids(0, 3200)}, "+0 ~0 =0 -2200 ?1000 !0", []int{0, 0, 0}},
		{proto.Command{Upsert: append(fleet(0, 3), proto.Device{})}, "+3 ~0 =0 -0 ?0 !1", []int{3, 0, 0}},
		{proto.Command{}, "+0 ~0 =0 -0 ?0 !0", []int{3, 0, 0}},
	} {
		want(t, "answer", counts(w.do(&c.command)), c.answer)
		want(t, "pages", w.sizes(), c.sizes)
	}
	if got := testutil.ToFloat64(s.metrics.devices.WithLabelValues("enrolled")); got != 3203 {
		t.Errorf("%v devices counted as enrolled", got)
	}
	bustest.Eventually(t, "the gauge of enrolled devices is 3", func() bool {
		return s.index.counts()[w.account] == count{devices: 3, pages: 3}
	})
	if n := testutil.CollectAndCount(inventoryGauges{s.index}); n != 2 {
		t.Errorf("%d gauges", n)
	}
}

func TestAccountsAreApart(t *testing.T) {
	w := newFixture(t)
	w.run(Config{})
	want(t, "answer", counts(w.do(&proto.Command{Upsert: fleet(0, 10)})), "+10 ~0 =0 -0 ?0 !0")
	other := *w
	other.account = proto.NewAccount()
	want(t, "the same devices in another account",
		counts(other.do(&proto.Command{Upsert: fleet(0, 5), Remove: ids(0, 1)})), "+5 ~0 =0 -0 ?1 !0")
	want(t, "pages", w.sizes(), []int{10})
	want(t, "pages of the other", other.sizes(), []int{5})
}

// After a restart, a registry knows every device, continues after the last command, and repeats its answer to a command
// with a lost acknowledgement.
func TestRestart(t *testing.T) {
	w := newFixture(t)
	_, stop := w.run(Config{})
	w.do(&proto.Command{Upsert: fleet(0, 1500)})
	earlier, _ := w.send(&proto.Command{Upsert: fleet(1500, 1600)})
	last, answers := w.send(&proto.Command{Upsert: fleet(1550, 1650)})
	want(t, "answer", counts(w.answer(answers)), "+50 ~0 =50 -0 ?0 !0")
	stop()
	_, waiting := w.send(&proto.Command{Remove: ids(0, 10), Upsert: fleet(1640, 1660)})
	s := w.registry(Config{})
	w.start(s.index.Run)
	if err := s.index.await(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	for _, repeated := range []struct {
		m      *bus.Msg
		answer string
	}{{last, "+50 ~0 =50 -0 ?0 !0"}, {earlier, "command_settled"}} {
		inbox := w.api.CommandInbox()
		sub, err := w.api.NATS().SubscribeSync(inbox)
		if err := errors.Join(err, w.api.NATS().Flush()); err != nil {
			t.Fatal(err)
		}
		repeated.m.Header = nats.Header{proto.HeaderReplyTo: {inbox}}
		if err := s.handle(t.Context(), repeated.m); err != nil {
			t.Fatal(err)
		}
		want(t, "a repeated command", counts(w.answer(sub)), repeated.answer)
	}
	want(t, "pages", w.sizes(), []int{1000, 650})
	w.run(Config{})
	want(t, "the command that waited", counts(w.answer(waiting)), "+10 ~0 =10 -10 ?0 !0")
	want(t, "pages", w.sizes(), []int{1000, 650})
}

// If a registry crashes between two parts of a command, the next registry completes exactly the rest.
func TestDeathBetweenParts(t *testing.T) {
	w := newFixture(t)
	cfg := Config{MaxPages: 2}
	m, answers := w.send(&proto.Command{Upsert: fleet(0, 7500)})
	first := w.registry(cfg)
	stop := w.start(first.index.Run)
	if err := first.index.await(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	c, err := read(m)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, done, err := first.advance(t.Context(), c); err != nil || done {
			t.Fatalf("done %t, %v", done, err)
		}
	}
	stop()
	want(t, "pages of two parts", w.sizes(), []int{1000, 1000, 1000, 1000})
	var cursor proto.Cursor
	if _, err := w.bus.Conn(topology.Registry).Get(t.Context(), topology.Devices, topology.CursorKey,
		&cursor); err != nil || cursor.Applied != 4000 || cursor.Done {
		t.Fatalf("cursor %+v, %v", cursor, err)
	}
	second, _ := w.run(cfg)
	want(t, "answer", counts(w.answer(answers)), "+7500 ~0 =0 -0 ?0 !0")
	want(t, "pages", w.sizes(), []int{1000, 1000, 1000, 1000, 1000, 1000, 1000, 500})
	if got := testutil.ToFloat64(second.metrics.pages); got != 4 {
		t.Errorf("the second registry wrote %v pages", got)
	}
}

// Registries that each believe they have the command alone: every command is handed to all of them at
// once, and one of them dies in the middle of it. It is applied once, and all answers agree.
func TestRacingRegistries(t *testing.T) {
	t.Run("one server", func(t *testing.T) { race(t, newFixture(t), 25) })
	t.Run("three replicas", func(t *testing.T) { race(t, newFixtureOn(t, bustest.Cluster(t)), 5) })
}

func race(t *testing.T, w *fixture, rounds int) {
	racers := make([]*Service, 3)
	for i := range racers {
		racers[i] = w.registry(Config{MaxPages: 2})
		w.start(racers[i].index.Run)
		if err := racers[i].index.await(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
	}
	enrolled := map[proto.ID]bool{}
	for round := range rounds {
		from := rand.IntN(4000)
		c := &proto.Command{Remove: ids(from, from+rand.IntN(1500))}
		from = rand.IntN(4000)
		c.Upsert = fleet(from, from+rand.IntN(3000))
		model := proto.CommandAnswer{}
		for _, id := range c.Remove {
			if enrolled[id] {
				model.Removed++
			} else {
				model.Absent++
			}
			delete(enrolled, id)
		}
		for _, d := range c.Upsert {
			if enrolled[d.ID] {
				model.Unchanged++
			} else {
				model.Enrolled++
			}
			enrolled[d.ID] = true
		}
		m, answers := w.send(c)
		var racing sync.WaitGroup
		for i, s := range racers {
			racing.Go(func() {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if i == round%len(racers) {
					time.AfterFunc(time.Duration(rand.IntN(20))*time.Millisecond, cancel)
				}
				if err := s.handle(ctx, m); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			})
		}
		racing.Wait()
		for range len(racers) - 1 {
			want(t, fmt.Sprint("answer of round ", round), counts(w.answer(answers)), counts(model))
		}
		total := 0
		for _, size := range w.sizes() {
			total += size
		}
		if total != len(enrolled) {
			t.Fatalf("round %d: %d devices in pages, %d enrolled", round, total, len(enrolled))
		}
	}
	conflicts := 0.0
	for _, s := range racers {
		conflicts += testutil.ToFloat64(s.metrics.conflicts)
	}
	if conflicts == 0 {
		t.Error("nobody was refused: this was no race")
	}
}

// Two registries share the commands of many senders.
func TestTwoRegistriesAtWork(t *testing.T) {
	w := newFixture(t)
	w.run(Config{})
	w.run(Config{})
	var senders sync.WaitGroup
	var mu sync.Mutex
	var enrolled, unchanged int
	for i := range 8 {
		senders.Go(func() {
			for j := range 10 {
				// Neighbours overlap by half, so each device appears twice.
				from := (i*10 + j) * 50
				a := w.do(&proto.Command{Upsert: fleet(from, from+100)})
				mu.Lock()
				enrolled, unchanged = enrolled+a.Enrolled, unchanged+a.Unchanged
				mu.Unlock()
			}
		})
	}
	senders.Wait()
	want(t, "pages", w.sizes(), []int{1000, 1000, 1000, 1000, 50})
	if enrolled != 4050 || unchanged != 3950 {
		t.Errorf("%d enrolled, %d unchanged", enrolled, unchanged)
	}
}

// A command for more pages than an atomic batch can hold.
func TestCommandOverManyPages(t *testing.T) {
	w := newFixture(t)
	operator := w.bus.Conn(topology.Operator)
	const pages = 1200
	var puts []bus.Outgoing
	for i, d := range fleet(0, pages) {
		puts = append(puts, bus.PutMsg(topology.Devices, topology.PageKey(w.account, topology.PageNumber(i)),
			&proto.Page{Devices: []proto.Device{d}}, 0))
	}
	if errs := operator.PublishAll(t.Context(), puts); errs != nil {
		t.Fatal(errors.Join(errs...))
	}
	s, _ := w.run(Config{})
	want(t, "answer", counts(w.do(&proto.Command{Remove: ids(0, pages), Upsert: fleet(pages, pages+5)})),
		"+5 ~0 =0 -1200 ?0 !0")
	sizes := w.sizes()
	if sizes[0] != 5 || len(sizes) != pages {
		t.Errorf("%d pages, the first of %d", len(sizes), sizes[0])
	}
	// Page 0 lost its device in the first part and was filled in the second.
	if got := testutil.ToFloat64(s.metrics.pages); got != pages+1 {
		t.Errorf("%v pages written", got)
	}
}

func TestGarbageBlocksNobody(t *testing.T) {
	w := newFixture(t)
	inbox := w.api.CommandInbox()
	answers, err := w.api.NATS().SubscribeSync(inbox)
	if err != nil {
		t.Fatal(err)
	}
	bad := nats.NewMsg(topology.Command(w.account))
	bad.Data = []byte("garbage")
	bad.Header.Set(proto.HeaderReplyTo, inbox)
	if _, err := w.api.JetStream().PublishMsg(t.Context(), bad); err != nil {
		t.Fatal(err)
	}
	w.run(Config{})
	want(t, "the command behind it", counts(w.do(&proto.Command{Upsert: fleet(0, 3)})), "+3 ~0 =0 -0 ?0 !0")
	want(t, "its own answer", counts(w.answer(answers)), "command_unreadable")
	var dead proto.DeadLetter
	m, err := w.bus.Conn(topology.Operator).Last(t.Context(), topology.PostureDead, topology.Dead(stageName, w.account))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Decode(&dead); err != nil || string(dead.Data) != "garbage" ||
		!strings.Contains(dead.Reason, "command_unreadable") {
		t.Errorf("%+v, %v", dead, err)
	}
}

// An unreadable page blocks the commands of its account until it is repaired, and of no other account.
func TestDamagedPage(t *testing.T) {
	w := newFixture(t)
	operator := w.bus.Conn(topology.Operator)
	key := topology.PageKey(w.account, 0)
	ack, err := operator.JetStream().Publish(t.Context(), topology.BucketSubject(topology.Devices, key), []byte("garbage"))
	if err != nil {
		t.Fatal(err)
	}
	w.run(Config{})
	want(t, "a command of its account", counts(w.do(&proto.Command{Upsert: fleet(0, 3)})), "inventory_damaged")
	other := *w
	other.account = proto.NewAccount()
	want(t, "a command of another", counts(other.do(&proto.Command{Upsert: fleet(0, 3)})), "+3 ~0 =0 -0 ?0 !0")
	if err := operator.Delete(t.Context(), topology.Devices, key, ack.Sequence); err != nil {
		t.Fatal(err)
	}
	bustest.Eventually(t, "the account is back", func() bool {
		return w.do(&proto.Command{Upsert: fleet(0, 3)}).Error == nil
	})
	want(t, "pages", w.sizes(), []int{3})
}

// While a command waits for its retry, the server delivers no later one: a sequence below the cursor is therefore
// always settled.
func TestNoCommandPassesAnother(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *bustest.Bus{"one server": bustest.Start,
		"three replicas": bustest.Cluster} {
		t.Run(name, func(t *testing.T) {
			b := start(t)
			w := newFixtureOn(t, b)
			for i := range 3 {
				w.send(&proto.Command{Upsert: fleet(i, i+1)})
			}
			consumer, err := b.Conn(topology.Registry).JetStream().Consumer(t.Context(), topology.DeviceCommands,
				topology.ConsumerRegistry)
			if err != nil {
				t.Fatal(err)
			}
			next := func() jetstream.Msg {
				t.Helper()
				m, err := consumer.Next(jetstream.FetchMaxWait(time.Minute))
				if err != nil {
					t.Fatal(err)
				}
				return m
			}
			var order []string
			note := func(m jetstream.Msg) {
				meta, err := m.Metadata()
				if err != nil {
					t.Fatal(err)
				}
				order = append(order, fmt.Sprintf("%d/%d", meta.Sequence.Stream, meta.NumDelivered))
			}
			for range 2 {
				m := next()
				note(m)
				if err := m.NakWithDelay(700 * time.Millisecond); err != nil {
					t.Fatal(err)
				}
			}
			m := next()
			note(m)
			if err := m.TermWithReason("given up"); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				m := next()
				note(m)
				if err := m.DoubleAck(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			want(t, "deliveries", order, []string{"1/1", "1/2", "1/3", "2/1", "3/1"})
		})
	}
}

// A registry without a bus keeps its command, and is not ready.
func TestAnOutageIsNoReasonToGiveUp(t *testing.T) {
	w := newFixture(t)
	m, _ := w.send(&proto.Command{Upsert: fleet(0, 3)})
	s := w.registry(Config{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 2)
	go func() { done <- s.index.Run(ctx) }()
	if err := s.index.await(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	s.seen.Store(1 << 40) // a revision beyond all others
	s.bus.NATS().Close()
	fast, stop := context.WithTimeout(ctx, time.Millisecond)
	defer stop()
	if _, _, err := s.advance(fast, mustRead(t, m)); err == nil {
		t.Error("a part was committed without a bus")
	}
	s.seen.Store(0)
	if err := <-done; err == nil {
		t.Error("the watch ended without a connection, and without an error")
	}
	go func() { done <- s.handle(ctx, m) }()
	bustest.Eventually(t, "the trouble is known", func() bool { return s.trouble.Load() != nil })
	if err := s.Ready(t.Context()); err == nil {
		t.Error("ready without a bus")
	}
	cancel()
	if err := <-done; err == nil || bus.IsPermanent(err) {
		t.Errorf("given up with %v", err)
	}
}

func mustRead(t *testing.T, m *bus.Msg) *command {
	t.Helper()
	c, err := read(m)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestReadyOnceTheInventoryIsLoaded(t *testing.T) {
	w := newFixture(t)
	s := w.registry(Config{})
	if s.Ready(t.Context()) == nil {
		t.Error("ready before it runs")
	}
	w.start(s.Run)
	w.ready(s)
}

func TestConfig(t *testing.T) {
	for _, bad := range []Config{{MaxPages: -1}, {MaxPages: 1000}, {MaxBytes: -1}} {
		if _, err := New(bad, Deps{}); err == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
	if l, err := (Config{}).limits(); err != nil || l != (limits{1000, 999, 16 << 20}) {
		t.Errorf("%+v, %v", l, err)
	}
}

func TestAnswersGoToSubjectsForAnswersOnly(t *testing.T) {
	for subject, ok := range map[string]bool{
		topology.CommandAnswers(topology.API) + ".abc.def": true, topology.CommandAnswers(topology.Operator) + ".x": true,
		topology.CommandAnswers(topology.API): false, topology.CommandAnswers(topology.API) + ".": false,
		topology.CommandAnswers(topology.API) + ".a b": false, topology.CommandAnswers(topology.API) + ".>": false,
		topology.CommandAnswers(topology.Fetcher) + ".x": false, topology.API.InboxPrefix() + ".x": false,
		"devices.command.x": false, "": false,
	} {
		if answerable(subject) != ok {
			t.Errorf("%q: %t", subject, !ok)
		}
	}
}

func BenchmarkImport(b *testing.B) {
	for _, size := range []int{100, 1000, 10_000} {
		b.Run(fmt.Sprintf("100000 devices in commands of %d", size), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				w := newFixture(b)
				s, stop := w.run(Config{})
				w.ready(s)
				const devices = 100_000
				all := fleet(0, devices)
				b.StartTimer()
				for from := 0; from < devices; from += size {
					if a := w.do(&proto.Command{Upsert: all[from : from+size]}); a.Enrolled != size {
						b.Fatal(counts(a))
					}
				}
				b.StopTimer()
				stop()
				b.StartTimer()
			}
			b.ReportMetric(100_000*float64(b.N)/b.Elapsed().Seconds(), "devices/s")
		})
	}
}
