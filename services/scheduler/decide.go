package scheduler

import (
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/slot"
)

// Tolerance is the largest accepted difference between two clocks: a tick's due time and the server's time of storing
// it, the scheduler's clock and the server's, the server's clock and its own past.
const Tolerance = slot.Tolerance

// Schedule is the part of an integration's record about its polls.
type Schedule struct {
	ID       proto.ID
	Interval time.Duration
	Revision uint64 // [proto.Integration.Schedule]
	Polled   bool   // of a supported type, and not paused
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
	ReasonNotPolled Reason = "not_polled" // paused, or of an unsupported type
	ReasonBehind    Reason = "behind"     // the newest tick's schedule is newer than the one known here
	ReasonInvalid   Reason = "invalid"    // the interval is none
)

// Fault is a wrong clock.
type Fault string

// The faults.
const (
	FaultNone Fault = ""
	// FaultTickAhead is a tick due over [Tolerance] after the server stored it.
	FaultTickAhead Fault = "tick_ahead"
	// FaultSetBack is a tick stored over [Tolerance] after the server's present time.
	FaultSetBack Fault = "server_clock_set_back"
	// FaultOwnClock is a scheduler with a clock over [Tolerance] off the server's.
	FaultOwnClock Fault = "scheduler_clock"
)

// Decision is the next action for an integration.
type Decision struct {
	Publish bool
	Tick    proto.Tick // to publish
	// Wake is when to decide again, if nothing changes before; zero if only a change can matter.
	Wake   time.Time
	Reason Reason
	Fault  Fault
}

// decide determines whether an integration's next tick is due. now is the server's time; newest is nil if there is no
// tick. A schedule newer than the newest tick's is due at once, or after the gap: changes do not make polls more
// frequent than the shortest interval. Otherwise a slot is due once it has begun, if the newest tick is of an earlier
// one. Missed slots are left out.
func decide(now time.Time, s Schedule, newest *Stored) Decision {
	switch {
	case !s.Polled:
		return Decision{Reason: ReasonNotPolled}
	case s.Interval < time.Millisecond:
		return Decision{Reason: ReasonInvalid}
	case newest != nil && newest.Tick.Schedule > s.Revision:
		return Decision{Reason: ReasonBehind}
	}
	cut := slot.Of(s.ID, s.Interval)
	current := cut.At(now)
	publish := func(why Reason, cause proto.TickCause, f Fault) Decision {
		return Decision{Publish: true, Reason: why, Fault: f, Wake: cut.Begin(current + 1), Tick: proto.Tick{
			Slot: current, Due: proto.At(cut.Begin(current)), Interval: s.Interval, Schedule: s.Revision, Cause: cause}}
	}
	wait := func(until int64, f Fault) Decision {
		return Decision{Reason: ReasonWaiting, Wake: cut.Begin(until), Fault: f}
	}
	switch {
	case newest == nil:
		return publish(ReasonFirst, proto.TickChanged, FaultNone)
	case newest.Tick.Schedule < s.Revision && now.Before(newest.StoredAt.Add(s.Gap)) &&
		newest.StoredAt.Sub(now) <= Tolerance:
		return Decision{Reason: ReasonWaiting, Wake: newest.StoredAt.Add(s.Gap)}
	case newest.Tick.Schedule < s.Revision:
		return publish(ReasonChanged, proto.TickChanged, FaultNone)
	}
	covered, fault := coveredSlots(cut, s, newest)
	due := func(f Fault) Decision {
		d := publish(ReasonDue, proto.TickDue, f)
		d.Tick.Latest = slot.After(covered.Latest, current)
		return d
	}
	last := covered.Last
	switch {
	case last < current-1 && current == covered.Latest:
		// The server's clock was set back and then forward again, to a slot with an earlier tick. A clock that reaches
		// the slot from the one before it was not set forward: a repeated hour is polled again.
		return wait(current+1, fault)
	case last < current:
		return due(fault)
	case last == current:
		return wait(current+1, fault)
	case newest.StoredAt.Sub(now) <= Tolerance:
		return wait(last+1, fault) // the server's clock was ahead by a moment
	}
	// The server's clock was set back: waiting for the last slot could take hours, and the current one may have had its
	// tick before the clock went wrong. The next slot to begin is free of that doubt.
	if current > cut.At(newest.Seen) {
		return due(FaultSetBack)
	}
	return wait(current+1, FaultSetBack)
}

// coveredSlots returns the slots of the schedule proven by the newest tick to have had their tick.
func coveredSlots(cut slot.Slots, s Schedule, newest *Stored) (slot.Covered, Fault) {
	t := &newest.Tick
	if t.Interval.Milliseconds() != s.Interval.Milliseconds() {
		stored := cut.At(newest.StoredAt) // slots of another interval cannot be compared
		return slot.Covered{Last: stored, Latest: stored}, FaultNone
	}
	covered := cut.Covered(t, newest.StoredAt)
	if covered.Ahead {
		return covered, FaultTickAhead
	}
	return covered, FaultNone
}
