package overview

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/clock"
)

const epoch proto.Millis = 1_700_000_000_000

func ref(n topology.PageNumber) topology.PageRef {
	return topology.PageRef{Account: proto.Account{1}, Integration: proto.ID{2}, Page: n}
}

func TestAggregate(t *testing.T) {
	o := New(nil)
	seq := uint64(0)
	put := func(n topology.PageNumber, s proto.Summary) {
		seq++
		o.apply(Page{PageRef: ref(n), Seq: seq, Summary: s})
	}
	if a := o.Integration(proto.Account{1}, proto.ID{2}); a != (Aggregate{}) {
		t.Fatalf("of nothing: %+v", a)
	}
	put(0, proto.Summary{Cause: proto.CausePage, EvaluatedAt: epoch, Devices: 10, Unknown: 20, Changed: 20})
	put(0, proto.Summary{Cause: proto.CausePage, EvaluatedAt: epoch + 5, Devices: 11, Unknown: 22, Changed: 2})
	put(1, proto.Summary{Tick: 6, PolledAt: epoch + 1000, EvaluatedAt: epoch + 1001, Devices: 5, Pass: 4, Fail: 6,
		Changed: 10, TookMillis: 30})
	put(2, proto.Summary{Tick: 7, PolledAt: epoch + 3000, EvaluatedAt: epoch + 3001, Devices: 1, Pass: 1, Fail: 1,
		Changed: 2, TookMillis: 40})
	put(2, proto.Summary{Tick: 7, Cause: proto.CauseExpired, PolledAt: epoch + 3000, EvaluatedAt: epoch + 9000, Devices: 1,
		Unknown: 2, Changed: 2})
	put(3, proto.Summary{Tick: 7, PolledAt: epoch + 4000, EvaluatedAt: epoch + 4001, Error: proto.ReasonTimeout,
		TookMillis: 60_000})
	put(4, proto.Summary{Tick: 9, Closed: true, Changed: 3})
	o.apply(Page{PageRef: ref(3), Seq: 1, Summary: proto.Summary{Tick: 1}}) // read twice: it is older
	want := Aggregate{
		Pages: 4, Devices: 17, Pass: 4, Fail: 6, Unknown: 24, Tick: 7, Done: 2, Changed: 4,
		FirstPoll: epoch + 3000, LastPoll: epoch + 4000, LastEntry: epoch + 4001, Took: time.Minute,
		Failed: 1, Error: proto.ReasonTimeout, FailedPage: 3, OldestPoll: epoch + 1000, Unpolled: 1, Waiting: epoch,
	}
	if diff := cmp.Diff(want, o.Integration(proto.Account{1}, proto.ID{2})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if pages := o.Pages(proto.Account{1}, proto.ID{2}); len(pages) != 5 || pages[4].Page != 4 || !pages[4].Summary.Closed {
		t.Errorf("%+v", pages)
	}
}

// A check that is edited long after a poll makes entries of the same tick: the poll took no longer for it.
func TestLastEntryIsOfThePoll(t *testing.T) {
	poll := proto.Summary{Tick: 7, PolledAt: epoch, EvaluatedAt: epoch + 2, Devices: 1}
	edited := proto.Summary{Tick: 7, Cause: proto.CauseConfig, PolledAt: epoch, EvaluatedAt: epoch + 20_152, Devices: 1}
	next := proto.Summary{Tick: 8, PolledAt: epoch + 60_000, EvaluatedAt: epoch + 60_003, Devices: 1}
	for name, c := range map[string]struct {
		entries []proto.Summary
		want    proto.Millis
	}{
		"a poll":                         {[]proto.Summary{poll}, epoch + 2},
		"an edited check":                {[]proto.Summary{poll, edited}, epoch + 2},
		"edited twice":                   {[]proto.Summary{poll, edited, edited}, epoch + 2},
		"only the edit is still there":   {[]proto.Summary{edited}, epoch},
		"the next poll":                  {[]proto.Summary{poll, edited, next}, epoch + 60_003},
		"a page that was polled by none": {[]proto.Summary{{Cause: proto.CausePage, EvaluatedAt: epoch}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			o := New(nil)
			for n, s := range c.entries {
				o.apply(Page{PageRef: ref(0), Seq: uint64(n + 1), Summary: s})
			}
			if got := o.Integration(proto.Account{1}, proto.ID{2}).LastEntry; got != c.want {
				t.Errorf("%d, want %d", got-epoch, c.want-epoch)
			}
		})
	}
}

func TestDue(t *testing.T) {
	o := New(nil)
	o.apply(Page{PageRef: ref(0), Seq: 1, Summary: proto.Summary{NextExpiry: 0}})
	o.apply(Page{PageRef: ref(1), Seq: 2, Summary: proto.Summary{NextExpiry: epoch}})
	o.apply(Page{PageRef: ref(2), Seq: 3, Summary: proto.Summary{NextExpiry: epoch + 1}})
	if due := o.Due(epoch - 1); len(due) != 0 {
		t.Errorf("before any is due: %+v", due)
	}
	if due := o.Due(epoch); len(due) != 1 || due[0].Page != 1 {
		t.Errorf("%+v", due)
	}
	o.apply(Page{PageRef: ref(1), Seq: 4, Summary: proto.Summary{}})
	if due := o.Due(epoch); len(due) != 0 {
		t.Errorf("after its entry: %+v", due)
	}
}

func TestJudge(t *testing.T) {
	base := proto.Integration{Type: proto.TypeCustomS2S, Interval: time.Minute, CreatedAt: epoch, ScheduledAt: epoch}
	polled := func(at time.Duration) Aggregate { return Aggregate{Pages: 1, OldestPoll: epoch.Add(at)} }
	for _, c := range []struct {
		name string
		edit func(*proto.Integration)
		a    Aggregate
		now  time.Duration // after its creation
		want Standing
		age  time.Duration
	}{
		{"no pages", nil, Aggregate{}, time.Hour, Idle, 0},
		{"just made", nil, Aggregate{Pages: 1, Unpolled: 1, Waiting: epoch - 9_999_999}, time.Minute, OnTime, time.Minute},
		{"made and never polled", nil, Aggregate{Pages: 1, Unpolled: 1, Waiting: epoch + 1}, 2*time.Minute + 2*time.Millisecond, Overdue, 2*time.Minute + time.Millisecond},
		{"a page that came later", nil, Aggregate{Pages: 2, OldestPoll: epoch.Add(time.Hour), Unpolled: 1, Waiting: epoch.Add(time.Hour)}, time.Hour + time.Minute, OnTime, time.Minute},
		{"a page that came and was never polled", nil, Aggregate{Pages: 2, OldestPoll: epoch.Add(2 * time.Hour), Unpolled: 1, Waiting: epoch.Add(time.Hour)}, 2 * time.Hour, Overdue, time.Hour},
		{"polled", nil, polled(time.Hour), time.Hour + 2*time.Minute, OnTime, 2 * time.Minute},
		{"overdue", nil, polled(time.Hour), time.Hour + 2*time.Minute + time.Second, Overdue, 2*time.Minute + time.Second},
		{"paused", func(i *proto.Integration) { i.Paused = true }, polled(time.Hour), 2 * time.Hour, Paused, time.Hour},
		{"paused without pages", func(i *proto.Integration) { i.Paused = true }, Aggregate{}, time.Hour, Paused, 0},
		{"resumed just now", func(i *proto.Integration) { i.ScheduledAt = epoch.Add(3 * time.Hour) }, polled(time.Hour), 3*time.Hour + time.Second, OnTime, time.Second},
		{"resumed and not polled", func(i *proto.Integration) { i.ScheduledAt = epoch.Add(3 * time.Hour) }, polled(time.Hour), 4 * time.Hour, Overdue, time.Hour},
		{"only kept", func(i *proto.Integration) { i.Type = "intune" }, polled(0), time.Hour, Unsupported, 0},
		{"a clock behind the server's", nil, polled(time.Hour), time.Minute, OnTime, 0},
	} {
		i := base
		if c.edit != nil {
			c.edit(&i)
		}
		got, age := Judge(&i, c.a, epoch.Add(c.now).Time())
		if got != c.want || age != c.age {
			t.Errorf("%s: %s after %v, want %s after %v", c.name, got, age, c.want, c.age)
		}
	}
}

// write stores an entry as an evaluator does.
func write(t *testing.T, c *bus.Conn, p topology.PageRef, e *proto.Entry, changed int) uint64 {
	t.Helper()
	seq, err := c.Commit(t.Context(), []bus.Outgoing{{Subject: topology.Log(p), Body: e,
		Header: nats.Header{proto.HeaderSummary: {e.Summarize(changed).String()}}}})
	if err != nil {
		t.Fatal(err)
	}
	return seq
}

func TestFollowsTheState(t *testing.T) {
	for _, role := range []topology.Role{topology.Evaluator, topology.API} {
		t.Run(string(role), func(t *testing.T) {
			b := bustest.Start(t)
			writer := b.Conn(topology.Evaluator)
			write(t, writer, ref(0), &proto.Entry{Tick: 1, Poll: proto.Poll{At: epoch}, EvaluatedAt: epoch}, 0)
			second := write(t, writer, ref(0), &proto.Entry{Tick: 2, Poll: proto.Poll{At: epoch + 1}, EvaluatedAt: epoch + 1}, 3)
			write(t, writer, ref(1), &proto.Entry{EvaluatedAt: epoch, NextExpiry: epoch + 5}, 0)
			bustest.Eventually(t, "the state holds both pages", func() bool {
				_, err := writer.Last(t.Context(), topology.PostureState, topology.Log(ref(1)))
				return err == nil
			})

			o := New(b.Conn(role))
			var mu sync.Mutex
			var seen []Page
			stop := o.Subscribe(func(p Page) { mu.Lock(); defer mu.Unlock(); seen = append(seen, p) })
			end := bustest.Run(t, o.Run)
			if err := o.Await(t.Context()); err != nil {
				t.Fatal(err)
			}
			p, ok := o.Page(ref(0))
			if !ok || p.Seq != second || p.Summary.Tick != 2 || p.Summary.PolledAt != epoch+1 || p.TickChanged != 3 {
				t.Errorf("page 0: %+v, %t", p, ok)
			}
			if due := o.Due(epoch + 5); len(due) != 1 || due[0].Page != 1 {
				t.Errorf("due: %+v", due)
			}
			stop()
			write(t, writer, ref(1), &proto.Entry{Tick: 3, Poll: proto.Poll{At: epoch + 9}}, 0)
			bustest.Eventually(t, "the next entry is seen", func() bool { p, _ := o.Page(ref(1)); return p.Summary.Tick == 3 })
			b.StandStill(topology.PostureState)
			write(t, writer, ref(1), &proto.Entry{Tick: 4, Poll: proto.Poll{At: epoch + 9}}, 0)
			bustest.Eventually(t, "an entry is seen while the state stands still", func() bool {
				p, _ := o.Page(ref(1))
				return p.Summary.Tick == 4
			})
			mu.Lock()
			if len(seen) != 2 {
				t.Errorf("subscriber saw %+v", seen)
			}
			mu.Unlock()
			end()
		})
	}
}

func TestAwaitOfAnEmptyState(t *testing.T) {
	b := bustest.Start(t)
	o := New(b.Conn(topology.API))
	go o.Run(t.Context())
	if err := o.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	bad := b.Conn(topology.Operator)
	if _, err := bad.JetStream().Publish(t.Context(), topology.Log(ref(0)), nil); err != nil { // no summary: not ours
		t.Fatal(err)
	}
	write(t, b.Conn(topology.Evaluator), ref(1), &proto.Entry{Tick: 3}, 0)
	bustest.Eventually(t, "a page behind an unreadable one is seen", func() bool { _, ok := o.Page(ref(1)); return ok })
}

func TestMetrics(t *testing.T) {
	o := New(nil)
	now := epoch.Add(time.Hour).Time()
	records := []catalog.Record[proto.Integration]{{Account: proto.Account{1},
		Value: &proto.Integration{ID: proto.ID{2}, Name: "EDR", Type: proto.TypeCustomS2S, Interval: time.Minute}}}
	integrations := func() []catalog.Record[proto.Integration] { return records }
	reg := prometheus.NewRegistry()
	for range 2 { // of two services in one process
		if err := Register(reg, o, integrations, clock.NewFake(now)); err != nil {
			t.Fatal(err)
		}
	}
	o.apply(Page{PageRef: ref(0), Seq: 1,
		Summary: proto.Summary{Tick: 1, PolledAt: epoch.Add(time.Minute), Devices: 4, Pass: 3, Fail: 1,
			Enforced: proto.Enforced{ObserveOnly: 1, Exempt: 2, Grace: 3, Held: 4}}})
	o.apply(Page{PageRef: ref(1), Seq: 2, Summary: proto.Summary{Tick: 1, PolledAt: epoch.Add(time.Minute), Devices: 4,
		Enforced: proto.Enforced{Held: 5}}})
	want := strings.ReplaceAll(`
# HELP plumbline_integration_age_seconds Time since the last poll of the page polled least recently.
# TYPE plumbline_integration_age_seconds gauge
plumbline_integration_age_seconds{integration="ID"} 3540
# HELP plumbline_integration_enforced_results Results with an outcome that is not by the score, by reason.
# TYPE plumbline_integration_enforced_results gauge
plumbline_integration_enforced_results{integration="ID",reason="exempt"} 2
plumbline_integration_enforced_results{integration="ID",reason="grace"} 3
plumbline_integration_enforced_results{integration="ID",reason="held"} 9
plumbline_integration_enforced_results{integration="ID",reason="observe_only"} 1
# HELP plumbline_integration_info Always 1, with the name of an integration.
# TYPE plumbline_integration_info gauge
plumbline_integration_info{integration="ID",name="EDR"} 1
# HELP plumbline_integration_overdue 1 if any page was not polled within twice the interval.
# TYPE plumbline_integration_overdue gauge
plumbline_integration_overdue{integration="ID"} 1
# HELP plumbline_integration_results Results over all checks, by outcome.
# TYPE plumbline_integration_results gauge
plumbline_integration_results{integration="ID",outcome="fail"} 1
plumbline_integration_results{integration="ID",outcome="pass"} 3
plumbline_integration_results{integration="ID",outcome="unknown"} 0
`, "ID", proto.ID{2}.String())
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want),
		"plumbline_integration_info", "plumbline_integration_overdue", "plumbline_integration_age_seconds",
		"plumbline_integration_results", "plumbline_integration_enforced_results"); err != nil {
		t.Error(err)
	}
}
