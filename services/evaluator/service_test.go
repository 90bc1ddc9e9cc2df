package evaluator_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/evaluator"
	"plumbline.dev/services/evaluator/foldtest"
	"plumbline.dev/services/internal/clock"
)

// fixture plays the other services: the api writes CONFIG, the registry pages, a fetcher scores.
type fixture struct {
	t                      testing.TB
	b                      *bustest.Bus
	api, registry, fetcher *bus.Conn
	reader, operator       *bus.Conn
	account                proto.Account
	integration            proto.ID
	revisions              map[string]uint64
	clock                  *clock.Fake
}

func newFixture(t testing.TB, o topology.Options) *fixture {
	b := bustest.StartWith(t, o)
	f := &fixture{t: t, b: b, api: b.Conn(topology.API), registry: b.Conn(topology.Registry), fetcher: b.Conn(topology.Fetcher),
		reader: b.Conn(topology.API), operator: b.Conn(topology.Operator), account: proto.NewAccount(), integration: proto.NewID(), revisions: map[string]uint64{},
		clock: clock.NewFake(time.Now())}
	f.put(topology.Config, topology.ConfigKey(f.account, topology.KindIntegration, f.integration),
		&proto.Integration{ID: f.integration, Type: proto.TypeCustomS2S, Interval: time.Minute})
	return f
}

// evaluators starts services that end with the test.
func (f *fixture) evaluators(n int) {
	f.t.Helper()
	for range n {
		s, err := evaluator.New(evaluator.Config{Sweep: 20 * time.Millisecond},
			evaluator.Deps{Bus: f.b.Conn(topology.Evaluator), Log: bustest.Log(f.t), Metrics: prometheus.NewRegistry(), Clock: f.clock})
		if err != nil {
			f.t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		f.t.Cleanup(func() {
			cancel()
			if err := <-ended; err != nil {
				f.t.Errorf("an evaluator ended with %v", err)
			}
		})
		bustest.Eventually(f.t, "the evaluator is ready", func() bool { return s.Ready(f.t.Context()) == nil })
	}
}

func (f *fixture) put(bucket, key string, body proto.Message) uint64 {
	f.t.Helper()
	c := f.api
	if bucket == topology.Devices {
		c = f.registry
	}
	r, err := c.Put(f.t.Context(), bucket, key, body, f.revisions[key])
	if err != nil {
		f.t.Fatal(err)
	}
	f.revisions[key] = r
	return r
}

func (f *fixture) check(id proto.ID, op proto.Operator, score float64, expiration time.Duration) uint64 {
	f.t.Helper()
	return f.put(topology.Config, topology.ConfigKey(f.account, topology.KindCheck, id), &proto.Check{ID: id, Type: proto.TypeCustomS2S,
		Integration: f.integration, Operator: op, Score: score, Expiration: expiration})
}

func (f *fixture) remove(kind topology.Kind, id proto.ID) {
	f.t.Helper()
	key := topology.ConfigKey(f.account, kind, id)
	if err := f.api.Delete(f.t.Context(), topology.Config, key, f.revisions[key]); err != nil {
		f.t.Fatal(err)
	}
	delete(f.revisions, key)
}

func (f *fixture) page(n topology.PageNumber, ids ...proto.ID) uint64 {
	f.t.Helper()
	page := &proto.Page{}
	for _, id := range ids {
		page.Devices = append(page.Devices, proto.Device{ID: id, Hostname: "h"})
	}
	return f.put(topology.Devices, topology.PageKey(f.account, n), page)
}

func (f *fixture) ref(n topology.PageNumber) topology.PageRef {
	return topology.PageRef{Account: f.account, Integration: f.integration, Page: n}
}

func (f *fixture) poll(n topology.PageNumber, tick uint64, revision uint64, scores map[proto.ID]int) {
	f.t.Helper()
	in := &proto.Input{Cause: proto.CausePoll, Tick: tick, PageRevision: revision, Poll: proto.Poll{Attempts: 1, Status: 200}}
	for id, s := range scores {
		in.Observations = append(in.Observations, proto.Observation{Device: id, Score: s})
	}
	f.send(n, in)
}

func (f *fixture) send(n topology.PageNumber, in *proto.Input) {
	f.t.Helper()
	if _, err := f.fetcher.Publish(f.t.Context(), bus.Outgoing{Subject: topology.Scores(f.ref(n)), Body: in}); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) newest(stream string, n topology.PageNumber) *proto.Entry {
	m, err := f.reader.Last(f.t.Context(), stream, topology.Log(f.ref(n)))
	if errors.Is(err, bus.ErrNotFound) {
		return nil
	}
	e := new(proto.Entry)
	if err == nil {
		err = m.Decode(e)
	}
	if err != nil {
		f.t.Error(err)
		return nil
	}
	return e
}

// until waits for the newest entry of a page to be as wanted, and returns it.
func (f *fixture) until(n topology.PageNumber, what string, ok func(*proto.Entry) bool) (e *proto.Entry) {
	f.t.Helper()
	bustest.Eventually(f.t, what, func() bool {
		e = f.newest(topology.PostureLog, n)
		return e != nil && ok(e)
	})
	return e
}

// says are the outcomes and reasons of an entry, by device.
func says(e *proto.Entry) map[proto.ID]string {
	out := map[proto.ID]string{}
	for _, r := range e.Results {
		for i, v := range r.Verdicts {
			if i > 0 {
				out[r.Device] += ", "
			}
			out[r.Device] += v.Outcome.String() + " " + v.Reason.String()
		}
	}
	return out
}

func is(want map[proto.ID]string) func(*proto.Entry) bool {
	return func(e *proto.Entry) bool { return maps.Equal(says(e), want) }
}

func ids(n int) (out []proto.ID) {
	for range n {
		out = append(out, proto.NewID())
	}
	return out
}

func TestAPageFromEnrolmentToRemoval(t *testing.T) {
	f := newFixture(t, topology.Options{})
	d, c := ids(3), ids(2)
	f.check(c[0], ">=", 50, 0)
	f.evaluators(1)
	f.settled()

	revision := f.page(0, d[0], d[1])
	e := f.until(0, "enrolled devices are unknown", is(map[proto.ID]string{d[0]: "unknown never_polled", d[1]: "unknown never_polled"}))
	if e.Cause != proto.CausePage || e.PageRevision != revision || e.Tick != 0 {
		t.Errorf("%+v", e)
	}
	f.poll(0, 7, revision, map[proto.ID]int{d[0]: 80, d[1]: 20})
	e = f.until(0, "scores decide", is(map[proto.ID]string{d[0]: "pass score", d[1]: "fail score"}))
	if e.Cause != proto.CausePoll || e.Tick != 7 || e.Poll.At == 0 || e.Results[0].ObservedAt != e.Poll.At {
		t.Errorf("%+v", e)
	}
	// A freed slot is given to another device; no poll is needed for either to show.
	f.page(0, d[0], d[2])
	f.until(0, "one left and one came", is(map[proto.ID]string{d[0]: "pass score", d[2]: "unknown never_polled"}))

	// A check that is added or edited is evaluated from the scores, one that is removed goes, without a poll.
	f.check(c[1], "<", 50, 0)
	both := func(first, second string) map[proto.ID]string {
		if string(c[0][:]) > string(c[1][:]) {
			first, second = second, first
		}
		return map[proto.ID]string{d[0]: first + ", " + second, d[2]: "unknown never_polled, unknown never_polled"}
	}
	f.until(0, "the new check is there", is(both("pass score", "fail score")))
	f.check(c[0], ">=", 81, 0)
	f.until(0, "the edited check is evaluated", is(both("fail score", "fail score")))
	f.settled()
	f.remove(topology.KindCheck, c[1])
	e = f.until(0, "the removed check is gone", is(map[proto.ID]string{d[0]: "fail score", d[2]: "unknown never_polled"}))
	if e.Tick != 7 || e.Cause != proto.CauseConfig {
		t.Errorf("%+v", e)
	}

	// What cannot matter writes nothing.
	before := f.lastSeq(topology.PostureLog)
	f.page(0, d[0], d[2])
	f.put(topology.Config, topology.ConfigKey(f.account, topology.KindIntegration, f.integration),
		&proto.Integration{ID: f.integration, Type: proto.TypeCustomS2S, Interval: time.Hour, Paused: true})
	f.settled()
	if now := f.lastSeq(topology.PostureLog); now != before {
		t.Errorf("%d messages were written for changes that change nothing", now-before)
	}

	f.remove(topology.KindIntegration, f.integration)
	e = f.until(0, "the integration's results are closed", func(e *proto.Entry) bool { return e.Closed })
	if e.Tick != 7 || len(e.Results)+len(e.Checks) != 0 {
		t.Errorf("%+v", e)
	}
	f.changesLeadTo(map[foldtest.ResultKey]proto.Outcome{})
}

func TestAnIntegrationAfterItsDevices(t *testing.T) {
	f := newFixture(t, topology.Options{})
	d := ids(1)
	f.page(0, d[0])
	f.page(1)
	f.evaluators(2)
	f.until(0, "the page has an entry", func(e *proto.Entry) bool { return len(e.Results) == 1 })
	second := proto.NewID()
	f.put(topology.Config, topology.ConfigKey(f.account, topology.KindIntegration, second), &proto.Integration{ID: second, Type: proto.TypeCustomS2S})
	f.integration = second
	f.until(0, "the page has an entry of the second integration", func(e *proto.Entry) bool { return len(e.Results) == 1 })
}

func TestACheckMovesToAnotherIntegration(t *testing.T) {
	f := newFixture(t, topology.Options{})
	d, c := proto.NewID(), proto.NewID()
	f.page(0, d)
	f.check(c, ">=", 50, 0)
	f.evaluators(1)
	f.until(0, "the check is evaluated", is(map[proto.ID]string{d: "unknown never_polled"}))
	first, second := f.integration, proto.NewID()
	f.put(topology.Config, topology.ConfigKey(f.account, topology.KindIntegration, second), &proto.Integration{ID: second, Type: proto.TypeCustomS2S})
	f.integration = second
	f.check(c, ">=", 50, 0)
	f.until(0, "the check is evaluated there", is(map[proto.ID]string{d: "unknown never_polled"}))
	f.integration = first
	f.until(0, "and no longer here", func(e *proto.Entry) bool { return len(e.Checks) == 0 })
}

func TestAnExpiryFires(t *testing.T) {
	f := newFixture(t, topology.Options{})
	d, c := proto.NewID(), proto.NewID()
	f.check(c, ">=", 50, time.Hour)
	revision := f.page(0, d)
	f.evaluators(2)
	f.poll(0, 1, revision, map[proto.ID]int{d: 80})
	e := f.until(0, "the score decides", is(map[proto.ID]string{d: "pass score"}))
	if want := e.Poll.At.Add(time.Hour); e.NextExpiry != want {
		t.Errorf("next expiry at %d, want %d", e.NextExpiry, want)
	}
	f.settled()
	f.clock.Set(e.NextExpiry.Time())
	bustest.Eventually(t, "the result expires", func() bool {
		f.clock.Advance(20 * time.Millisecond) // the next sweep
		e := f.newest(topology.PostureLog, 0)
		return says(e)[d] == "unknown expired" && e.Cause == proto.CauseExpired && e.Tick == 1
	})
	f.settled()
	if e := f.newest(topology.PostureLog, 0); e.NextExpiry != 0 {
		t.Errorf("%+v", e)
	}
}

func TestWhatCannotBeReadBlocksNothing(t *testing.T) {
	f := newFixture(t, topology.Options{})
	d, c := proto.NewID(), proto.NewID()
	f.check(c, ">=", 50, 0)
	revision := f.page(0, d)
	f.evaluators(1)
	for _, subject := range []string{topology.Scores(f.ref(0)), "posture.scores." + f.account.String() + ".what.0"} {
		m := &nats.Msg{Subject: subject, Header: nats.Header{proto.HeaderSchema: {"input.1"}}, Data: []byte("no input")}
		if _, err := f.operator.JetStream().PublishMsg(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	f.poll(0, 1, revision, map[proto.ID]int{d: 80})
	f.until(0, "the next input is evaluated", is(map[proto.ID]string{d: "pass score"}))
	f.poll(9, 1, 0, map[proto.ID]int{d: 80}) // a page that nobody enrolled into
	f.settled()
	dead, err := f.operator.Subjects(t.Context(), topology.PostureDead, topology.Dead("evaluate", f.account))
	if err != nil || dead[topology.Dead("evaluate", f.account)] != 2 {
		t.Errorf("dead letters %v, %v", dead, err)
	}
	if e := f.newest(topology.PostureLog, 9); e != nil {
		t.Errorf("a page out of nothing: %+v", e)
	}
}

// A log that holds a few entries loses the slow page's; its state is there, and the next evaluation builds
// on it, also of an evaluator that remembers where the entry was.
func TestEvictionFromTheLog(t *testing.T) {
	f := newFixture(t, topology.Options{LogMaxBytes: 256 << 10})
	d, c, many := proto.NewID(), proto.NewID(), ids(500)
	f.check(c, ">=", 50, 0)
	slow, busy := f.page(0, d), f.page(1, many...)
	f.evaluators(2)
	f.poll(0, 1, slow, map[proto.ID]int{d: 80})
	f.until(0, "the slow page is evaluated", is(map[proto.ID]string{d: "pass score"}))
	tick := uint64(1)
	evict := func() {
		t.Helper()
		bustest.Eventually(t, "the log loses the slow page's entry", func() bool {
			scores := map[proto.ID]int{}
			for i, id := range many {
				scores[id] = int(tick+uint64(i)) % 101
			}
			tick++
			f.poll(1, tick, busy, scores)
			f.until(1, "the busy page is evaluated", func(e *proto.Entry) bool { return e.Tick == tick })
			return f.newest(topology.PostureLog, 0) == nil
		})
	}
	evict()
	if e := f.newest(topology.PostureState, 0); e == nil || says(e)[d] != "pass score" {
		t.Fatalf("the state is %+v", e)
	}
	f.send(0, &proto.Input{Cause: proto.CausePoll, Tick: tick + 1, PageRevision: slow, Poll: proto.Poll{Attempts: 2, Error: proto.ReasonTimeout}})
	e := f.until(0, "the failed poll keeps the result", is(map[proto.ID]string{d: "pass score"}))
	if e.Tick != tick+1 || e.Results[0].Score != 80 || e.Results[0].Problem != proto.ReasonTimeout {
		t.Errorf("%+v", e)
	}
	tick++
	evict()
	f.poll(0, 1, slow, map[proto.ID]int{d: 0}) // late: the tick stands in the state only
	f.settled()
	if e := f.newest(topology.PostureState, 0); e.Results[0].Score != 80 {
		t.Errorf("a late poll was taken: %+v", e)
	}
}

// Two evaluators, several pages, and everything at once: the tick of a page's entries never decreases, and
// the changes of the log lead to what the newest entries say.
func TestTwoServicesRace(t *testing.T) {
	f := newFixture(t, topology.Options{})
	const pages, ticks = 3, 25
	c := ids(2)
	f.check(c[0], ">=", 50, 0)
	devices := [pages][]proto.ID{}
	for n := range devices {
		devices[n] = ids(20)
		f.page(topology.PageNumber(n), devices[n]...)
	}
	f.evaluators(2)
	var senders sync.WaitGroup
	for n := range devices {
		senders.Go(func() {
			for tick := uint64(1); tick <= ticks; tick++ {
				scores := map[proto.ID]int{}
				for i, id := range devices[n] {
					scores[id] = int(tick*7+uint64(i*13)) % 101
				}
				f.poll(topology.PageNumber(n), tick, 0, scores)
				if tick%5 == 0 {
					f.poll(topology.PageNumber(n), tick-3, 0, scores)
				}
			}
		})
	}
	for round := range 10 {
		f.check(c[1], "<", float64(round*10), 0)
		f.page(0, devices[0][:10+round]...)
		if round%3 == 2 {
			f.remove(topology.KindCheck, c[1])
			f.page(0, devices[0]...)
		}
	}
	f.check(c[0], ">=", 33, 0)
	senders.Wait()
	f.settled()
	want := map[foldtest.ResultKey]proto.Outcome{}
	for n := range devices {
		e := f.newest(topology.PostureLog, topology.PageNumber(n))
		if e == nil || e.Tick != ticks {
			t.Fatalf("page %d is at %+v", n, e)
		}
		wantDevices := 20
		if n == 0 {
			wantDevices = 19
		}
		if len(e.Results) != wantDevices || len(e.Checks) != 2 {
			t.Errorf("page %d has %d devices and %d checks", n, len(e.Results), len(e.Checks))
		}
		for k, o := range foldtest.StateOf(e) {
			want[k] = o
			score := 0
			for _, r := range e.Results {
				if r.Device == k.Device {
					score = r.Score
				}
			}
			limit := map[proto.ID]float64{c[0]: 33, c[1]: 90}[k.Check]
			if pass := (k.Check == c[0]) == (float64(score) >= limit); (o == proto.OutcomePass) != pass {
				t.Errorf("page %d: score %d is a %s", n, score, o)
			}
		}
	}
	f.changesLeadTo(want)
}

func (f *fixture) lastSeq(stream string) uint64 {
	f.t.Helper()
	s, err := f.operator.JetStream().Stream(f.t.Context(), stream)
	if err != nil {
		f.t.Fatal(err)
	}
	return s.CachedInfo().State.LastSeq
}

// settled waits until every change is fanned out and every input evaluated.
func (f *fixture) settled() {
	f.t.Helper()
	bustest.Eventually(f.t, "everything is handled", f.handled)
}

func (f *fixture) handled() bool {
	for _, c := range [][2]string{{topology.BucketStream(topology.Devices), topology.ConsumerPageChanges},
		{topology.BucketStream(topology.Config), topology.ConsumerConfigChanges}, {topology.PostureScores, topology.ConsumerEvaluate}} {
		consumer, err := f.operator.JetStream().Consumer(f.t.Context(), c[0], c[1])
		if err != nil {
			f.t.Fatal(err)
		}
		if info := consumer.CachedInfo(); info.NumPending > 0 || info.NumAckPending > 0 {
			return false
		}
	}
	return true
}

// changesLeadTo folds every change of the log, in order, and checks where that ends, and on the way that
// each follows from what is before it and that the ticks of a page's entries never decrease.
func (f *fixture) changesLeadTo(want map[foldtest.ResultKey]proto.Outcome) {
	f.t.Helper()
	s, err := f.operator.JetStream().Stream(f.t.Context(), topology.PostureLog)
	if err != nil {
		f.t.Fatal(err)
	}
	have, ticks := map[foldtest.ResultKey]proto.Outcome{}, map[string]uint64{}
	entry := uint64(0)
	for seq := uint64(1); seq <= s.CachedInfo().State.LastSeq; seq++ {
		raw, err := s.GetMsg(f.t.Context(), seq)
		if err != nil {
			f.t.Fatal(err)
		}
		m := bus.Msg{Subject: raw.Subject, Header: raw.Header, Data: raw.Data}
		if ref, err := topology.ParsePage(raw.Subject); err == nil {
			var e proto.Entry
			if err := m.Decode(&e); err != nil {
				f.t.Fatal(err)
			}
			if e.Tick < ticks[raw.Subject] {
				f.t.Errorf("page %d goes from tick %d to %d", ref.Page, ticks[raw.Subject], e.Tick)
			}
			ticks[raw.Subject], entry = e.Tick, seq
			summary, err := proto.ParseSummary(raw.Header.Get(proto.HeaderSummary))
			if err != nil || summary.Devices != len(e.Results) || summary.Tick != e.Tick {
				f.t.Errorf("summary %+v, %v, of %+v", summary, err, e)
			}
			continue
		}
		ref, err := topology.ParseChange(raw.Subject)
		if err != nil {
			f.t.Fatal(err)
		}
		var change proto.Change
		if err := m.Decode(&change); err != nil {
			f.t.Fatal(err)
		}
		if seq-uint64(change.Index) != entry {
			f.t.Errorf("change %d says that its entry is %d before it, that is %d", seq, change.Index, entry)
		}
		for _, d := range change.Devices {
			k := foldtest.ResultKey{Device: d.Device, Check: ref.Check}
			from, ok := have[k]
			if !ok {
				from = proto.OutcomeNone
			}
			if from != d.From {
				f.t.Errorf("change %d of %v comes from %s, it was %s", seq, k, d.From, from)
			}
			if have[k] = ref.Outcome; d.Gone() {
				delete(have, k)
			}
		}
	}
	if !maps.Equal(have, want) {
		f.t.Errorf("the changes lead to %s, want %s", count(have), count(want))
	}
}

func count(m map[foldtest.ResultKey]proto.Outcome) string {
	n := map[proto.Outcome]int{}
	for _, o := range m {
		n[o]++
	}
	return fmt.Sprint(n)
}
