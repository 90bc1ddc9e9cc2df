package proto

import (
	"fmt"

	"github.com/vmihailenco/msgpack/v5"
)

// Change names the devices of one page with a new outcome for one check; the outcome is in the subject. It is stored in
// one atomic batch with its entry, right after it.
type Change struct {
	// Index is the change's place after its entry, from 1: the entry's sequence in POSTURE_LOG is the
	// change's own less Index.
	Index       int
	Integration ID
	Tick        uint64
	At          Millis // when it was evaluated
	Devices     []ChangedDevice
}

// ChangedDevice is one device of a change. A device with [ReasonRemoved] or [ReasonCheckRemoved] has no result any
// more: remove it from a folded state.
type ChangedDevice struct {
	Device ID
	From   Outcome // OutcomeNone if it had no result before
	Reason Reason
	Score  int // NoScore if it has none
	// Differs is set if the outcome by the newest evidence alone is not the new outcome; it is Observed then.
	Differs  bool
	Observed Outcome
}

// Changed returns the device with a new verdict, and its previous outcome.
func Changed(r *Result, from Outcome, to Verdict) ChangedDevice {
	d := ChangedDevice{Device: r.Device, From: from, Reason: to.Reason, Score: r.Score}
	if to.Observed != to.Outcome {
		d.Differs, d.Observed = true, to.Observed
	}
	return d
}

// ObservedOutcome returns the outcome by the newest evidence alone. to is the new outcome.
func (d *ChangedDevice) ObservedOutcome(to Outcome) Outcome {
	if d.Differs {
		return d.Observed
	}
	return to
}

// Gone reports whether the device, or the check, was removed.
func (d ChangedDevice) Gone() bool {
	return d.Reason == ReasonRemoved || d.Reason == ReasonCheckRemoved
}

// Schema implements Message.
func (*Change) Schema() Schema { return Schema{"change", 1} }

// EncodeMsgpack writes [index, integration, tick, at, [[device, from, reason, score, observed]...]]. observed is
// omitted if it is the new outcome.
func (c *Change) EncodeMsgpack(enc *msgpack.Encoder) error {
	w := writer{enc: enc}
	w.array(5)
	w.uint(uint64(c.Index))
	w.id(&c.Integration)
	w.uint(c.Tick)
	w.at(c.At)
	w.array(len(c.Devices))
	for i := range c.Devices {
		d := &c.Devices[i]
		w.array(4 + int(flags(d.Differs)))
		w.id(&d.Device)
		w.out(d.From)
		w.reason(d.Reason)
		w.int(int64(d.Score))
		if d.Differs {
			w.out(d.Observed)
		}
	}
	return w.err
}

// DecodeMsgpack reads the form written by EncodeMsgpack.
func (c *Change) DecodeMsgpack(dec *msgpack.Decoder) error {
	r := readArray(dec, 5)
	*c = Change{Index: r.count()}
	r.id(&c.Integration)
	c.Tick, c.At = r.uint(), r.at()
	// Devices that left and devices that came can be named at once, so there may be more than a page holds.
	if n := r.list(2 * PageSize); n > 0 {
		c.Devices = make([]ChangedDevice, n)
	}
	for i := range c.Devices {
		dr := readArray(dec, 4)
		d := &c.Devices[i]
		dr.id(&d.Device)
		d.From, d.Reason, d.Score = dr.out(), dr.reason(), int(dr.int())
		if dr.left > 0 {
			d.Differs, d.Observed = true, dr.out()
		}
		if err := dr.close(); err != nil {
			return fmt.Errorf("device %d: %w", i, err)
		}
	}
	return r.close()
}
