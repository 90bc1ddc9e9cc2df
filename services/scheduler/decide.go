package scheduler

import (
	"time"

	"plumbline.dev/proto"
)

// Tolerance is how far clocks may be apart before it is a fault: a tick's due time ahead of when the server
// stored it, the scheduler's clock and the server's, the server's clock and its own past.
const Tolerance = 30 * time.Second

// Schedule is what an integration's record says about when it is polled.
type Schedule struct {
	ID       proto.ID
	Interval time.Duration
	Revision uint64 // [proto.Integration.Schedule]
	Polled   bool   // it is of a type that is polled, and not paused
	// Gap is how long after the newest tick a changed schedule has its first, at least.
	Gap time.Duration
}

// Stored is the newest tick of an integration.
type Stored struct {
	Tick     proto.Tick
	Seq      uint64
	StoredAt time.Time // by the server's clock
	// Seen is when this scheduler first saw it, by the server's clock as it is now: never later than now.
	Seen time.Time
}

// Reason is why a tick is published, or is not.
type Reason string

// The reasons. The first three publish.
const (
	ReasonFirst     Reason = "first"      // there was no tick yet
	ReasonChanged   Reason = "changed"    // the schedule is newer than the newest tick's
	ReasonDue       Reason = "due"        // a slot has begun
	ReasonWaiting   Reason = "waiting"    // the slot has its tick
	ReasonNotPolled Reason = "not_polled" // paused, or of a type that is not polled
	ReasonBehind    Reason = "behind"     // the newest tick's schedule is newer than what this scheduler knows
	ReasonInvalid   Reason = "invalid"    // the interval is none
)

// Fault is a clock that was found to be wrong.
type Fault string

// The faults.
const (
	FaultNone Fault = ""
	// FaultTickAhead is a tick due over [Tolerance] after the server stored it.
	FaultTickAhead Fault = "tick_ahead"
	// FaultSetBack is a tick stored over [Tolerance] after the server's present time.
	FaultSetBack Fault = "server_clock_set_back"
	// FaultOwnClock is a scheduler whose clock is over [Tolerance] off the server's.
	FaultOwnClock Fault = "scheduler_clock"
)

// Decision is what to do about an integration now.
type Decision struct {
	Publish bool
	Tick    proto.Tick // to publish
	// Wake is when to decide again, if nothing changes before; zero if only a change can matter.
	Wake   time.Time
	Reason Reason
	Fault  Fault
}

// decide tells whether an integration's next tick is due. now is the server's time; newest is nil where
// there is no tick. A schedule that is newer than the newest tick's is due at once, or once the gap has passed:
// changes do not have an API polled more often than the shortest interval does. Otherwise a slot that
// has begun is due if the newest tick is of an earlier one. Slots that went by without a tick are left out.
func decide(now time.Time, s Schedule, newest *Stored) Decision {
	switch {
	case !s.Polled:
		return Decision{Reason: ReasonNotPolled}
	case s.Interval < time.Millisecond:
		return Decision{Reason: ReasonInvalid}
	case newest != nil && newest.Tick.Schedule > s.Revision:
		return Decision{Reason: ReasonBehind}
	}
	cut := slotsOf(s.ID, s.Interval)
	current := cut.at(now)
	publish := func(why Reason, cause proto.TickCause, f Fault) Decision {
		return Decision{Publish: true, Reason: why, Fault: f, Wake: cut.begin(current + 1), Tick: proto.Tick{
			Slot: current, Due: proto.At(cut.begin(current)), Interval: s.Interval, Schedule: s.Revision, Cause: cause}}
	}
	wait := func(until int64, f Fault) Decision {
		return Decision{Reason: ReasonWaiting, Wake: cut.begin(until), Fault: f}
	}
	switch {
	case newest == nil:
		return publish(ReasonFirst, proto.TickChanged, FaultNone)
	case newest.Tick.Schedule < s.Revision && now.Before(newest.StoredAt.Add(s.Gap)) && newest.StoredAt.Sub(now) <= Tolerance:
		return Decision{Reason: ReasonWaiting, Wake: newest.StoredAt.Add(s.Gap)}
	case newest.Tick.Schedule < s.Revision:
		return publish(ReasonChanged, proto.TickChanged, FaultNone)
	}
	last, fault := lastSlot(cut, s, newest)
	switch {
	case last < current:
		return publish(ReasonDue, proto.TickDue, fault)
	case last == current:
		return wait(current+1, fault)
	case newest.StoredAt.Sub(now) <= Tolerance:
		return wait(last+1, fault) // the server's clock was ahead by a moment
	}
	// The server's clock was set back: waiting for the last slot could take hours, and the current one may
	// have had its tick before the clock went wrong. The next one to begin is free of that doubt.
	if current > cut.at(newest.Seen) {
		return publish(ReasonDue, proto.TickDue, FaultSetBack)
	}
	return wait(current+1, FaultSetBack)
}

// lastSlot is the slot that the newest tick stands for. One that cannot be believed stands for the slot in
// which the server stored it: so the clock of whoever published it can neither silence the integration nor
// have it polled more often. The slot of a manual tick is that of the tick before it, its due time is not.
func lastSlot(cut slots, s Schedule, newest *Stored) (int64, Fault) {
	t := &newest.Tick
	stored := cut.at(newest.StoredAt)
	if t.Interval.Milliseconds() != s.Interval.Milliseconds() {
		return stored, FaultNone // slots of another interval cannot be compared
	}
	due := cut.begin(t.Slot)
	if t.Cause != proto.TickManual && t.Due.Time().After(due) {
		due = t.Due.Time()
	}
	if due.Sub(newest.StoredAt) > Tolerance {
		return min(t.Slot, stored), FaultTickAhead
	}
	return t.Slot, FaultNone
}
