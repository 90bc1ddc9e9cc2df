// Package slot divides time into the slots of an integration and determines the slots covered by its newest tick.
//
// A slot is one interval long. The first millisecond of a slot is a multiple of the interval after the integration's
// phase. Slot numbers of different intervals cannot be compared.
package slot

import (
	"hash/fnv"
	"time"

	"plumbline.dev/proto"
)

// Tolerance is the largest difference between two clocks not considered a fault.
const Tolerance = 30 * time.Second

// Slots computes the slots of one integration. The zero value is not usable.
type Slots struct{ interval, phase int64 } // in milliseconds

// Of returns the slots for the integration with this id. The interval must be at least a millisecond. The phase is a
// hash of id, so integrations with the same interval are not all due at once.
func Of(id proto.ID, interval time.Duration) Slots {
	h := fnv.New64a()
	h.Write(id[:])
	ms := interval.Milliseconds()
	return Slots{interval: ms, phase: int64(h.Sum64() % uint64(ms))}
}

// At returns the slot containing t.
func (s Slots) At(t time.Time) int64 {
	since := t.UnixMilli() - s.phase
	slot := since / s.interval
	if since%s.interval < 0 {
		slot-- // division rounds towards zero
	}
	return slot
}

// Begin returns the first moment of a slot.
func (s Slots) Begin(slot int64) time.Time { return time.UnixMilli(slot*s.interval + s.phase) }
