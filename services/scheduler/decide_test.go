package scheduler

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/slot"
)

var (
	integration = proto.ID{1, 2, 3}
	minute      = Schedule{ID: integration, Interval: time.Minute, Revision: 7, Polled: true}
	cut         = slot.Of(integration, time.Minute)
	base        = cut.At(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
)

// moment is a time after the begin of a slot, counted from base.
func moment(number int64, after time.Duration) time.Time { return cut.Begin(base + number).Add(after) }

// tick returns the tick of a correct scheduler for a slot, a second after its start.
func tick(number int64) *Stored {
	at := moment(number, time.Second)
	return &Stored{Seq: 100, StoredAt: at, Seen: at,
		Tick: proto.Tick{Slot: base + number, Due: proto.At(moment(number, 0)),
			Interval: time.Minute, Schedule: 7}}
}

func with(s *Stored, change func(*Stored)) *Stored { change(s); return s }

func TestDecide(t *testing.T) {
	schedule := func(change func(*Schedule)) Schedule { s := minute; change(&s); return s }
	for _, c := range []struct {
		name     string
		now      time.Time
		schedule Schedule
		newest   *Stored
		want     Decision // Tick: only what differs from the slot of now
		slot     int64    // of the tick that is published
		latest   int64    // slot of the tick that is published; 0: none
	}{
		{name: "a new integration is due at once", now: moment(5, 40*time.Second), schedule: minute,
			want: Decision{Publish: true, Reason: ReasonFirst, Wake: moment(6, 0)}, slot: 5},
		{name: "a slot that has its tick", now: moment(5, 40*time.Second), schedule: minute, newest: tick(5),
			want: Decision{Reason: ReasonWaiting, Wake: moment(6, 0)}},
		{name: "a hair before the next slot", now: moment(6, -time.Millisecond), schedule: minute, newest: tick(5),
			want: Decision{Reason: ReasonWaiting, Wake: moment(6, 0)}},
		{name: "the next slot", now: moment(6, 0), schedule: minute, newest: tick(5),
			want: Decision{Publish: true, Reason: ReasonDue, Wake: moment(7, 0)}, slot: 6},
		{name: "after an outage of an hour, one tick", now: moment(65, 10*time.Second), schedule: minute, newest: tick(5),
			want: Decision{Publish: true, Reason: ReasonDue, Wake: moment(66, 0)}, slot: 65},
		{name: "and no backlog", now: moment(65, 11*time.Second), schedule: minute, newest: tick(65),
			want: Decision{Reason: ReasonWaiting, Wake: moment(66, 0)}},
		{name: "a changed integration is due at once", now: moment(5, 40*time.Second), newest: tick(5),
			schedule: schedule(func(s *Schedule) {
				s.Revision++
			}), want: Decision{Publish: true, Reason: ReasonChanged, Wake: moment(6, 0)}, slot: 5},
		{name: "a changed integration waits until the gap has passed", now: moment(5, 40*time.Second), newest: tick(5),
			schedule: schedule(func(s *Schedule) { s.Revision, s.Gap = s.Revision+1, 45*time.Second }),
			want:     Decision{Reason: ReasonWaiting, Wake: moment(5, 46*time.Second)}},
		{name: "also for a slot that begins", now: moment(6, 0), newest: tick(5),
			schedule: schedule(func(s *Schedule) { s.Revision, s.Gap = s.Revision+1, time.Minute }),
			want:     Decision{Reason: ReasonWaiting, Wake: moment(6, time.Second)}},
		{name: "and is due then", now: moment(5, 46*time.Second), newest: tick(5),
			schedule: schedule(func(s *Schedule) { s.Revision, s.Gap = s.Revision+1, 45*time.Second }),
			want:     Decision{Publish: true, Reason: ReasonChanged, Wake: moment(6, 0)}, slot: 5},
		{name: "the gap holds nothing else up", now: moment(6, 0), newest: tick(5),
			schedule: schedule(func(s *Schedule) { s.Gap = time.Hour }),
			want:     Decision{Publish: true, Reason: ReasonDue, Wake: moment(7, 0)}, slot: 6},
		{name: "the gap is not counted from a time to come", now: moment(5, 0), newest: tick(65),
			schedule: schedule(func(s *Schedule) { s.Revision, s.Gap = s.Revision+1, time.Minute }),
			want:     Decision{Publish: true, Reason: ReasonChanged, Wake: moment(6, 0)}, slot: 5},
		{name: "a new integration is due at once, whatever the gap", now: moment(5, 40*time.Second),
			schedule: schedule(func(s *Schedule) { s.Gap = time.Hour }),
			want:     Decision{Publish: true, Reason: ReasonFirst, Wake: moment(6, 0)}, slot: 5},
		{name: "a stale catalog publishes nothing", now: moment(9, 0), newest: tick(5),
			schedule: schedule(func(s *Schedule) { s.Revision-- }), want: Decision{Reason: ReasonBehind}},
		{name: "paused", now: moment(9, 0), newest: tick(5), schedule: schedule(func(s *Schedule) { s.Polled = false }),
			want: Decision{Reason: ReasonNotPolled}},
		{name: "no interval", now: moment(9, 0), schedule: schedule(func(s *Schedule) { s.Interval = time.Microsecond }),
			want: Decision{Reason: ReasonInvalid}},
		{name: "a manual tick leaves the slot to the schedule", now: moment(6, 0), schedule: minute,
			newest: with(tick(5), func(s *Stored) {
				s.Tick.Cause, s.StoredAt, s.Tick.Due = proto.TickManual, moment(5, 59*time.Second),
					proto.At(moment(5, 59*time.Second))
			}),
			want: Decision{Publish: true, Reason: ReasonDue, Wake: moment(7, 0)}, slot: 6},
		{name: "a manual tick stored in a slot without a tick does not stand for it", now: moment(6, 2*time.Second),
			schedule: minute, newest: with(tick(5), func(s *Stored) {
				s.Tick.Cause, s.StoredAt = proto.TickManual, moment(6, time.Second)
			}),
			want: Decision{Publish: true, Reason: ReasonDue, Wake: moment(7, 0)}, slot: 6},
		{name: "the due time of a manual tick is not looked at", now: moment(5, 30*time.Second), schedule: minute,
			newest: with(tick(5), func(s *Stored) { s.Tick.Cause, s.Tick.Due = proto.TickManual, proto.At(moment(90, 0)) }),
			want:   Decision{Reason: ReasonWaiting, Wake: moment(6, 0)}},
		{name: "a tick from a clock an hour fast stands for the slot it was stored in", now: moment(5, 30*time.Second),
			schedule: minute, newest: with(tick(65), func(s *Stored) { s.StoredAt = moment(5, time.Second) }),
			want: Decision{Reason: ReasonWaiting, Wake: moment(6, 0), Fault: FaultTickAhead}},
		{name: "and does not silence the next", now: moment(6, 0), schedule: minute,
			newest: with(tick(65), func(s *Stored) { s.StoredAt = moment(5, time.Second) }),
			want:   Decision{Publish: true, Reason: ReasonDue, Wake: moment(7, 0), Fault: FaultTickAhead}, slot: 6},
		{name: "a due time an hour ahead of a right slot", now: moment(6, 0), schedule: minute,
			newest: with(tick(5), func(s *Stored) { s.Tick.Due = proto.At(moment(65, 0)) }),
			want:   Decision{Publish: true, Reason: ReasonDue, Wake: moment(7, 0), Fault: FaultTickAhead}, slot: 6},
		{name: "a manual tick behind a fault", now: moment(7, 0), schedule: minute,
			newest: with(tick(65), func(s *Stored) { s.StoredAt, s.Tick.Cause = moment(6, time.Second), proto.TickManual }),
			want:   Decision{Publish: true, Reason: ReasonDue, Wake: moment(8, 0), Fault: FaultTickAhead}, slot: 7, latest: 65},
		{name: "30 s ahead are no fault", now: moment(5, 40*time.Second), schedule: minute,
			newest: with(tick(6), func(s *Stored) { s.StoredAt = moment(6, -Tolerance) }),
			want:   Decision{Reason: ReasonWaiting, Wake: moment(7, 0)}},
		{name: "the server's clock is a moment behind its own past", now: moment(5, 50*time.Second), schedule: minute,
			newest: tick(6), want: Decision{Reason: ReasonWaiting, Wake: moment(7, 0)}},
		{name: "the server's clock was set back an hour: the current slot may have had its tick",
			now: moment(5, 30*time.Second), schedule: minute, newest: with(tick(65), func(s *Stored) {
				s.Seen = moment(5, 10*time.Second)
			}),
			want: Decision{Reason: ReasonWaiting, Wake: moment(6, 0), Fault: FaultSetBack}},
		{name: "and the next one to begin is polled", now: moment(6, 0), schedule: minute,
			newest: with(tick(65), func(s *Stored) { s.Seen = moment(5, 10*time.Second) }),
			want:   Decision{Publish: true, Reason: ReasonDue, Wake: moment(7, 0), Fault: FaultSetBack}, slot: 6, latest: 65},
		{name: "the latest slot is carried on while the clock is behind it", now: moment(7, 0), schedule: minute,
			newest: with(tick(6), func(s *Stored) { s.Tick.Latest = base + 65 }),
			want:   Decision{Publish: true, Reason: ReasonDue, Wake: moment(8, 0)}, slot: 7, latest: 65},
		{name: "the clock returns to the latest slot: it had its tick", now: moment(65, 30*time.Second), schedule: minute,
			newest: with(tick(6), func(s *Stored) { s.Tick.Latest = base + 65 }),
			want:   Decision{Reason: ReasonWaiting, Wake: moment(66, 0)}},
		{name: "and the slot after it is polled", now: moment(66, 0), schedule: minute,
			newest: with(tick(6), func(s *Stored) { s.Tick.Latest = base + 65 }),
			want:   Decision{Publish: true, Reason: ReasonDue, Wake: moment(67, 0)}, slot: 66},
		{name: "a clock that reaches the latest slot from the one before was not set: the hour comes again",
			now: moment(65, 0), schedule: minute, newest: with(tick(64), func(s *Stored) { s.Tick.Latest = base + 65 }),
			want: Decision{Publish: true, Reason: ReasonDue, Wake: moment(66, 0)}, slot: 65},
		{name: "the latest slot of another interval says nothing", now: moment(65, 30*time.Second), schedule: minute,
			newest: with(tick(6), func(s *Stored) { s.Tick.Interval, s.Tick.Latest = time.Hour, base+65 }),
			want:   Decision{Publish: true, Reason: ReasonDue, Wake: moment(66, 0)}, slot: 65},
		{name: "the latest slot of another schedule says nothing", now: moment(65, 30*time.Second),
			schedule: schedule(func(s *Schedule) { s.Revision++ }),
			newest:   with(tick(6), func(s *Stored) { s.Tick.Latest = base + 65 }),
			want:     Decision{Publish: true, Reason: ReasonChanged, Wake: moment(66, 0)}, slot: 65},
		{name: "a changed integration is due at once, whatever the clocks", now: moment(5, 0), newest: tick(65),
			schedule: schedule(func(s *Schedule) {
				s.Revision++
			}), want: Decision{Publish: true, Reason: ReasonChanged, Wake: moment(6, 0)}, slot: 5},
		{name: "another interval under the same schedule: when it was stored counts", now: moment(5, 30*time.Second),
			schedule: minute, newest: with(tick(5), func(s *Stored) { s.Tick.Interval, s.Tick.Slot = time.Hour, 3 }),
			want: Decision{Reason: ReasonWaiting, Wake: moment(6, 0)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.want.Publish {
				cause := proto.TickChanged
				if c.want.Reason == ReasonDue {
					cause = proto.TickDue
				}
				if c.latest != 0 {
					c.latest += base
				}
				c.want.Tick = proto.Tick{Slot: base + c.slot, Latest: c.latest, Due: proto.At(moment(c.slot, 0)),
					Interval: time.Minute, Schedule: c.schedule.Revision, Cause: cause}
			}
			if diff := cmp.Diff(c.want, decide(c.now, c.schedule, c.newest)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Twenty changes in four seconds make a tick at the first, and one when the gap has passed.
func TestChangesInARow(t *testing.T) {
	s, newest, ticks := minute, tick(5), 0
	s.Gap = 10 * time.Second
	for n := range 200 { // 40 s, with a change in each of the first 20 steps
		if n < 20 {
			s.Revision++
		}
		now := moment(5, 15*time.Second+time.Duration(n)*200*time.Millisecond)
		if d := decide(now, s, newest); d.Publish {
			ticks++
			newest = &Stored{Tick: d.Tick, StoredAt: now, Seen: now}
		}
	}
	if ticks != 2 || newest.Tick.Schedule != s.Revision {
		t.Errorf("%d ticks, the last of schedule %d; want 2, the last of %d", ticks, newest.Tick.Schedule, s.Revision)
	}
}

// An interval changed from a minute to an hour and back is polled at once each time, and then by the slots
// of the new interval: the numbers of slots of different schedules never meet.
func TestIntervalThereAndBack(t *testing.T) {
	s, now := minute, moment(0, 10*time.Second)
	var newest *Stored
	step := func(want Reason) {
		t.Helper()
		d := decide(now, s, newest)
		if d.Reason != want {
			t.Fatalf("at %v: %s, want %s", now, d.Reason, want)
		}
		if d.Publish {
			newest = &Stored{Tick: d.Tick, StoredAt: now, Seen: now}
		}
	}
	step(ReasonFirst)
	for range 3 {
		for _, interval := range []time.Duration{time.Hour, time.Minute} {
			s.Interval, s.Revision = interval, s.Revision+1
			now = now.Add(5 * time.Second)
			step(ReasonChanged)
			step(ReasonWaiting)
			now = slot.Of(s.ID, interval).Begin(newest.Tick.Slot + 1).Add(-time.Millisecond)
			step(ReasonWaiting)
			now = now.Add(time.Millisecond)
			step(ReasonDue)
		}
	}
}
