package overview

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

func TestChecks(t *testing.T) {
	o := New(nil)
	o.reached()
	a, id, check, other := proto.Account{1}, proto.ID{2}, proto.ID{7}, proto.ID{8}
	seq := uint64(0)
	put := func(n topology.PageNumber, tick uint64, all ...proto.CheckOutcomes) {
		seq++
		o.apply(Page{PageRef: ref(n), Seq: seq, Outcomes: all,
			Summary: proto.Summary{Tick: tick, PolledAt: epoch.Add(time.Duration(tick) * time.Minute)}})
	}
	if all := o.Checks(a, id); len(all) != 0 {
		t.Errorf("of nothing: %+v", all)
	}
	put(0, 5, proto.CheckOutcomes{Check: check, Pass: 10, Changed: 10}, proto.CheckOutcomes{Check: other, Unknown: 10})
	put(1, 5, proto.CheckOutcomes{Check: check, Pass: 8, Fail: 2, Changed: 10,
		Enforced: proto.Enforced{Exempt: 1}})
	put(0, 6, proto.CheckOutcomes{Check: check, Pass: 9, Fail: 1, Changed: 1})
	put(0, 6, proto.CheckOutcomes{Check: check, Pass: 8, Fail: 2, Changed: 1}) // an edit after the poll
	at := func(tick int) proto.Millis { return epoch.Add(time.Duration(tick) * time.Minute) }
	want := map[proto.ID]CheckTotal{check: {
		CheckOutcomes: proto.CheckOutcomes{Check: check, Pass: 16, Fail: 4, Changed: 2, Enforced: proto.Enforced{Exempt: 1}},
		Past:          []Sample{{At: at(5), Pass: 18, Fail: 2}},
	}}
	if diff := cmp.Diff(want, o.Checks(a, id)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for tick := range uint64(40) {
		put(0, 7+tick, proto.CheckOutcomes{Check: check, Pass: int(tick)})
	}
	past := o.Checks(a, id)[check].Past
	if len(past) != samples || past[samples-1] != (Sample{At: at(45), Pass: 38 + 8, Fail: 2}) {
		t.Errorf("%d samples: %+v", len(past), past)
	}
	seq++
	o.apply(Page{PageRef: ref(1), Seq: seq, Summary: proto.Summary{Tick: 46, Closed: true}})
	if got := o.Checks(a, id)[check]; got.Pass != 39 || got.Fail != 0 {
		t.Errorf("without the closed page: %+v", got)
	}
	if err := o.reset(); err != nil || len(o.Checks(a, id)) != 0 {
		t.Error("a replaced stream keeps outcomes")
	}
}

// While the stream is read for the first time, pages of different polls are no history.
func TestNoHistoryOfTheFirstReading(t *testing.T) {
	o := New(nil)
	for n := range topology.PageNumber(3) {
		o.apply(Page{PageRef: ref(n), Seq: uint64(n) + 1, Outcomes: []proto.CheckOutcomes{{Check: proto.ID{7}, Pass: 1}},
			Summary: proto.Summary{Tick: uint64(n) + 1, PolledAt: epoch}})
	}
	if got := o.Checks(proto.Account{1}, proto.ID{2})[proto.ID{7}]; got.Pass != 3 || len(got.Past) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestFreshness(t *testing.T) {
	o := New(nil)
	i := &proto.Integration{ID: proto.ID{2}, Interval: 5 * time.Minute, Type: proto.TypeCustomS2S, CreatedAt: epoch}
	if text := o.Freshness(proto.Account{1}, i, epoch.Time()); text != "" {
		t.Errorf("of nothing: %q", text)
	}
	minutes := func(n int) proto.Millis { return epoch.Add(time.Duration(n) * time.Minute) }
	for n, s := range []proto.Summary{
		{Tick: 9, PolledAt: minutes(60)},
		{Tick: 9, PolledAt: minutes(60) + 40, Error: proto.ReasonTimeout},
		{Tick: 8, PolledAt: minutes(55)},
		{Tick: 7, PolledAt: minutes(51)},
		{Tick: 6, PolledAt: minutes(45)},
		{Tick: 9, Closed: true},
		{},
		{Tick: 12, Closed: true},
	} {
		p := Page{PageRef: ref(topology.PageNumber(n)), Seq: uint64(n) + 1, Summary: s}
		if s == (proto.Summary{}) {
			p.Since = minutes(59)
		}
		o.mu.Lock()
		if o.pages[integration{p.Account, p.Integration}] == nil {
			o.pages[integration{p.Account, p.Integration}] = map[topology.PageNumber]*Page{}
		}
		o.pages[integration{p.Account, p.Integration}][p.Page] = &p
		o.mu.Unlock()
	}
	now := minutes(61).Time()
	if text := o.Freshness(proto.Account{1}, i, now); text != "0e123.-" {
		t.Errorf("%q", text)
	}
	i.Paused = true
	if text := o.Freshness(proto.Account{1}, i, now.Add(time.Hour)); text != "0e122.-" {
		t.Errorf("paused: %q", text)
	}
	i.Paused, i.ScheduledAt = false, minutes(61) // resumed
	if text := o.Freshness(proto.Account{1}, i, now.Add(time.Minute)); text != "0e122.-" {
		t.Errorf("resumed: %q", text)
	}
}

// BenchmarkLargeAccount reads what a dashboard shows of 1,000 pages with ten checks.
func BenchmarkLargeAccount(b *testing.B) {
	o := New(nil)
	i := &proto.Integration{ID: proto.ID{2}, Interval: 5 * time.Minute, Type: proto.TypeCustomS2S, CreatedAt: epoch}
	for n := range topology.PageNumber(1000) {
		p := Page{PageRef: ref(n), Seq: uint64(n) + 1, Summary: proto.Summary{Tick: 1, PolledAt: epoch, Devices: 1000}}
		for c := range byte(10) {
			p.Outcomes = append(p.Outcomes, proto.CheckOutcomes{Check: proto.ID{c}, Pass: 900, Fail: 90, Unknown: 10})
		}
		o.apply(p)
	}
	for b.Loop() {
		if len(o.Checks(proto.Account{1}, i.ID)) != 10 || len(o.Freshness(proto.Account{1}, i, epoch.Time())) != 1000 {
			b.Fatal("something is missing")
		}
	}
}
