package proto

import (
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

// TickCause is why an integration is polled now. The numbers are wire facts.
type TickCause uint8

// The causes of a tick.
const (
	TickDue     TickCause = iota // its slot has come
	TickChanged                  // it is new, or its URL, secret or interval changed, or it was resumed
	TickManual                   // requested: poll now
)

// String is the word in logs and in the API.
func (c TickCause) String() string {
	return [...]string{"due", "changed", "manual"}[min(c, TickManual)]
}

// Tick is one due poll of one integration. Its sequence in POSTURE_TICKS is its number and its order;
// the slot and the times inform.
type Tick struct {
	Slot     int64         // floor((due - phase) / interval), comparable within one Schedule only
	Due      Millis        // when the slot began, by the server's clock
	Interval time.Duration // to the millisecond
	Schedule uint64        // its [Integration.Schedule]
	Cause    TickCause
	// Latest is the latest slot of the schedule that had its tick, if it is later than Slot: the server's clock was set
	// back since. It is zero otherwise, and in a tick of a writer that does not know the field.
	Latest int64
}

// Schema implements Message.
func (*Tick) Schema() Schema { return Schema{"tick", 1} }

// EncodeMsgpack writes [slot, due, interval_ms, schedule, cause, latest]. Without Latest it writes five fields.
func (t *Tick) EncodeMsgpack(enc *msgpack.Encoder) error { return encodeTo(enc, t) }

// encode implements fielded.
func (t *Tick) encode(w *writer) {
	if t.Latest == 0 {
		w.array(5)
	} else {
		w.array(6)
	}
	w.int(t.Slot)
	w.at(t.Due)
	w.int(t.Interval.Milliseconds())
	w.uint(t.Schedule)
	w.uint(uint64(t.Cause))
	if t.Latest != 0 {
		w.int(t.Latest)
	}
}

// size implements fielded.
func (*Tick) size() int { return 48 }

// DecodeMsgpack reads the form written by EncodeMsgpack.
func (t *Tick) DecodeMsgpack(dec *msgpack.Decoder) error {
	r := readArray(dec, 4)
	*t = Tick{
		Slot: r.int(), Due: r.at(), Interval: time.Duration(r.int()) * time.Millisecond,
		Schedule: r.uint(), Cause: TickCause(r.uintMax(255)), Latest: r.int(),
	}
	return r.close()
}

// Batch is one tick of one page: one API call to make.
type Batch struct {
	Tick      uint64 // sequence in POSTURE_TICKS
	PlannedAt Millis
	Pages     int // how many pages the tick was planned into
	// ConfigRevision is the revision of CONFIG seen by the planner: the caller uses nothing older, so a changed URL
	// never receives the old secret.
	ConfigRevision uint64
	// TickAt is when the tick was stored, by the server's clock; 0 from a planner that does not know the field.
	TickAt Millis
}

// Schema implements Message.
func (*Batch) Schema() Schema { return Schema{"batch", 1} }

// EncodeMsgpack writes [tick, planned_at, pages, config_revision, tick_at]. Without TickAt it writes four fields.
func (b *Batch) EncodeMsgpack(enc *msgpack.Encoder) error { return encodeTo(enc, b) }

// encode implements fielded.
func (b *Batch) encode(w *writer) {
	w.array(4 + int(flags(b.TickAt != 0)))
	w.uint(b.Tick)
	w.at(b.PlannedAt)
	w.uint(uint64(b.Pages))
	w.uint(b.ConfigRevision)
	if b.TickAt != 0 {
		w.at(b.TickAt)
	}
}

// size implements fielded.
func (*Batch) size() int { return 48 }

// DecodeMsgpack reads the form written by EncodeMsgpack.
func (b *Batch) DecodeMsgpack(dec *msgpack.Decoder) error {
	r := readArray(dec, 1)
	*b = Batch{Tick: r.uint(), PlannedAt: r.at(), Pages: r.count(), ConfigRevision: r.uint(), TickAt: r.at()}
	return r.close()
}
