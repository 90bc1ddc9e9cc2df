package slot

import (
	"time"

	"plumbline.dev/proto"
)

// Covered describes the slots covered by an integration's newest tick.
type Covered struct {
	// Last is the slot of the tick.
	Last int64
	// Latest is the latest slot with a tick. It is later than Last after the server's clock was set back.
	Latest int64
	// Ahead reports whether the tick was due more than [Tolerance] after the server stored it.
	Ahead bool
}

// Covered returns the slots covered by a tick. storedAt is the server's time of storing it.
//
// A tick ahead of the server's clock counts for the slot of storedAt, so a wrong clock of its publisher can neither
// silence the integration nor cause additional polls. A manual tick carries the slot of the previous tick, and its
// due time is ignored. If its slot is ahead, the server's clock was set back after this slot had its tick.
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

// Manual returns a manual tick to follow the newest tick. storedAt is the server's time of storing the newest tick,
// due the time of the request. The manual tick gets the covered slot of the newest tick rather than its claimed slot:
// the server stores the manual tick later, so a claim ahead of the clock could no longer be detected.
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
