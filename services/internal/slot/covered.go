package slot

import (
	"time"

	"plumbline.dev/proto"
)

// Covered is what an integration's newest tick proves about slots that had their tick.
type Covered struct {
	// Last is the slot that the tick stands for.
	Last int64
	// Latest is the latest slot that had its tick. It is later than Last after the server's clock was set back.
	Latest int64
	// Ahead reports that the tick was due more than [Tolerance] after the server stored it.
	Ahead bool
}

// Covered returns what a tick of these slots proves. storedAt is the server's time when it stored the tick.
//
// A tick that is ahead stands for the slot in which the server stored it, so the clock of its publisher can neither
// silence the integration nor have it polled more often. A manual tick carries the slot of the tick before it, and its
// due time is ignored. If its slot is ahead, the server's clock was set back after that slot had its tick.
func (s Slots) Covered(t *proto.Tick, storedAt time.Time) Covered {
	manual := t.Cause == proto.TickManual
	due := s.Begin(t.Slot)
	if !manual && t.Due.Time().After(due) {
		due = t.Due.Time()
	}
	c := Covered{Last: t.Slot, Ahead: due.Sub(storedAt) > Tolerance}
	if c.Ahead {
		c.Last = min(t.Slot, s.At(storedAt))
	}
	c.Latest = max(c.Last, t.Latest)
	if manual {
		c.Latest = max(c.Latest, t.Slot)
	}
	return c
}

// Manual returns a manual tick that follows the newest tick. storedAt is the server's time when it stored the newest
// tick, and due is the time of the request. The manual tick stands for the slot that the newest tick stands for: the
// server stores it at a later time, by which the claim of a tick that was ahead could no longer be recognized as false.
func Manual(id proto.ID, newest proto.Tick, storedAt time.Time, due proto.Millis) proto.Tick {
	if newest.Interval >= time.Millisecond {
		c := Of(id, newest.Interval).Covered(&newest, storedAt)
		newest.Slot, newest.Latest = c.Last, After(c.Latest, c.Last)
	}
	newest.Cause, newest.Due = proto.TickManual, due
	return newest
}

// After returns the value of [proto.Tick.Latest] for a tick of the given slot: latest if it is later than slot, or 0.
func After(latest, slot int64) int64 {
	if latest > slot {
		return latest
	}
	return 0
}
