package evaluator_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/provision"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/evaluator/foldtest"
)

func TestAPageFromEnrolmentToRemoval(t *testing.T) {
	f := newFixture(t, topology.Options{})
	d, c := ids(3), ids(2)
	f.check(c[0], ">=", 50, 0)
	f.evaluators(1)
	f.settled()

	revision := f.page(0, d[0], d[1])
	e := f.until(0, "enrolled devices are unknown",
		is(map[proto.ID]string{d[0]: "unknown never_polled", d[1]: "unknown never_polled"}))
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

	// An added or edited check is evaluated from stored scores, and a removed one is closed, without a poll.
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

	// Inputs without an effect write nothing.
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
	f.put(topology.Config, topology.ConfigKey(f.account, topology.KindIntegration, second),
		&proto.Integration{ID: second, Type: proto.TypeCustomS2S})
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
	f.put(topology.Config, topology.ConfigKey(f.account, topology.KindIntegration, second),
		&proto.Integration{ID: second, Type: proto.TypeCustomS2S})
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
	f.poll(9, 1, 0, map[proto.ID]int{d: 80}) // a page without enrolled devices
	f.settled()
	dead, err := f.operator.Subjects(t.Context(), topology.PostureDead, topology.Dead("evaluate", f.account))
	if err != nil || dead[topology.Dead("evaluate", f.account)] != 2 {
		t.Errorf("dead letters %v, %v", dead, err)
	}
	if e := f.newest(topology.PostureLog, 9); e != nil {
		t.Errorf("a page out of nothing: %+v", e)
	}
}

// A short log drops the entry of a slow page. The next evaluation continues from its state, even in an evaluator that
// cached the position of the entry.
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
	f.send(0, &proto.Input{Cause: proto.CausePoll, Tick: tick + 1, PageRevision: slow,
		Poll: proto.Poll{Attempts: 2, Error: proto.ReasonTimeout}})
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

// Services report a log rolled back while they run.
func TestALogBehindTheStateIsNotReady(t *testing.T) {
	f := newFixture(t, topology.Options{})
	f.check(proto.NewID(), ">=", 50, 0)
	d := ids(3)
	revision := f.page(0, d...)
	f.evaluators(1)
	for tick := range uint64(20) {
		f.poll(0, tick+1, revision, map[proto.ID]int{d[0]: int(tick % 2 * 90)})
		f.until(0, "the poll is evaluated", func(e *proto.Entry) bool { return e.Tick == tick+1 })
	}
	// The state is filled from the log in the background: entries missing now stay missing.
	bustest.Eventually(t, "the state holds the last poll", func() bool {
		e := f.newest(topology.PostureState, 0)
		return e != nil && e.Tick == 20
	})
	s := f.running[0]
	js := f.operator.JetStream()
	if err := js.DeleteStream(t.Context(), topology.PostureLog); err != nil {
		t.Fatal(err)
	}
	if err := provision.Recreate(t.Context(), f.operator, topology.Options{}, topology.PostureLog, 1); err != nil {
		t.Fatal(err)
	}
	bustest.Eventually(t, "the evaluator is not ready", func() bool {
		f.clock.Advance(10 * time.Second)
		err := s.Ready(t.Context())
		return err != nil && strings.Contains(err.Error(), "rolled back")
	})
}
