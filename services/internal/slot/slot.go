package scheduler

import (
	"hash/fnv"
	"time"

	"plumbline.dev/proto"
)

// slots cut time for one integration, to the millisecond. The phase keeps integrations of the same
// interval from being due all at once.
type slots struct{ interval, phase int64 }

// slotsOf needs an interval of a millisecond or more.
func slotsOf(id proto.ID, interval time.Duration) slots {
	h := fnv.New64a()
	h.Write(id[:])
	ms := interval.Milliseconds()
	return slots{interval: ms, phase: int64(h.Sum64() % uint64(ms))}
}

// at is the slot that t lies in.
func (s slots) at(t time.Time) int64 {
	since := t.UnixMilli() - s.phase
	slot := since / s.interval
	if since%s.interval < 0 {
		slot-- // division rounds towards zero
	}
	return slot
}

// begin is when a slot begins.
func (s slots) begin(slot int64) time.Time { return time.UnixMilli(slot*s.interval + s.phase) }
