package proto

import (
	"fmt"
	"math"

	"github.com/vmihailenco/msgpack/v5"
	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// Change names the devices of one page with a new outcome for one check. It is stored in one atomic batch with its
// entry, right after it.
type Change struct {
	// Account, Check, Outcome and Page are those of the subject. Version 1 lacks them: readers use the subject.
	Account Account
	Check   ID
	Outcome Outcome
	Page    uint32
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
func (*Change) Schema() Schema { return Schema{"change", 2} }

// Oldest implements Versioned.
func (*Change) Oldest() int { return 1 }

// EncodeMsgpack writes the map that schema/change.2.json describes.
func (c *Change) EncodeMsgpack(enc *msgpack.Encoder) error {
	return enc.Encode(msgpack.RawMessage(c.append(nil)))
}

// append implements appender.
func (c *Change) append(b []byte) []byte {
	if b == nil {
		b = make([]byte, 0, 320+changedDeviceSize*len(c.Devices))
	}
	w := beginMap(b)
	w.account("account_id", c.Account)
	w.id("check_id", &c.Check)
	w.text("outcome", c.Outcome.String())
	w.id("integration_id", &c.Integration)
	w.uint("page", uint64(c.Page))
	w.int("index", c.Index)
	w.uint("tick", c.Tick)
	w.time("at", c.At)
	w.key("devices")
	w.b = appendArray(w.b, len(c.Devices))
	for i := range c.Devices {
		w.b = c.Devices[i].append(w.b)
	}
	return w.end()
}

// changedDeviceSize is about the size of a device in bytes.
const changedDeviceSize = 96

// append appends the map of a device. A poll may have 1,000,000 of them: what is the same in all is appended at once.
func (d *ChangedDevice) append(b []byte) []byte {
	if d.Differs {
		b = append(b, msgpcode.FixedMapLow|5)
	} else {
		b = append(b, msgpcode.FixedMapLow|4)
	}
	b = appendHex36(append(b, deviceHead...), &d.Device)
	if int(d.From) < len(deviceWords) && int(d.Reason) < len(deviceWords[0]) {
		b = append(b, deviceWords[d.From][d.Reason]...)
	} else {
		b = appendDeviceWords(b, d.From, d.Reason)
	}
	if d.Score == NoScore {
		b = appendNil(b)
	} else {
		b = appendInt(b, int64(d.Score))
	}
	if d.Differs {
		b = appendStr(appendStr(b, "observed"), d.Observed.String())
	}
	return b
}

// deviceHead is what is between the head of a device's map and the 36 characters of its id.
var deviceHead = string(append(appendStr(nil, "device_id"), msgpcode.Str8, 36))

// deviceWords has what is between a device's id and its score, by from and reason.
var deviceWords = func() (all [len(outcomeNames)][len(reasonNames)]string) {
	for from := range all {
		for reason := range all[from] {
			all[from][reason] = string(appendDeviceWords(nil, Outcome(from), Reason(reason)))
		}
	}
	return all
}()

func appendDeviceWords(b []byte, from Outcome, reason Reason) []byte {
	b = appendStr(appendStr(b, "from"), from.String())
	b = appendStr(appendStr(b, "reason"), reason.String())
	return appendStr(b, "score")
}

// DecodeMsgpack reads the form written by EncodeMsgpack, and the array of version 1.
func (c *Change) DecodeMsgpack(dec *msgpack.Decoder) error {
	code, err := dec.PeekCode()
	if err != nil {
		return err
	}
	if !msgpcode.IsFixedMap(code) && code != msgpcode.Map16 && code != msgpcode.Map32 {
		return c.decodeArray(dec)
	}
	*c = Change{}
	var r mapReader
	r.open(dec)
	for name := r.next(); name != nil; name = r.next() {
		switch string(name) {
		case "account_id":
			r.account(&c.Account)
		case "check_id":
			r.id(&c.Check)
		case "outcome":
			r.outcome(&c.Outcome)
		case "integration_id":
			r.id(&c.Integration)
		case "page":
			c.Page = uint32(r.uintMax(math.MaxUint32)) //nolint:gosec // bounded
		case "index":
			c.Index = int(r.uintMax(1 << 31)) //nolint:gosec // bounded
		case "tick":
			r.uint(&c.Tick)
		case "at":
			r.time(&c.At)
		case "devices":
			r.keep(c.decodeDevices(dec, r.list(maxChanged)))
		default:
			r.skip()
		}
	}
	return r.err
}

// maxChanged bounds the devices of a change. A change can name devices that left the page and devices that came, so it
// may have more than a page holds.
const maxChanged = 2 * PageSize

func (c *Change) decodeDevices(dec *msgpack.Decoder, n int) error {
	c.Devices = nil
	if n > 0 {
		c.Devices = make([]ChangedDevice, n)
	}
	var r mapReader
	for i := range c.Devices {
		if err := c.Devices[i].decode(&r, dec); err != nil {
			return fmt.Errorf("device %d: %w", i, err)
		}
	}
	return nil
}

func (d *ChangedDevice) decode(r *mapReader, dec *msgpack.Decoder) error {
	d.Score = NoScore
	r.open(dec)
	for name := r.next(); name != nil; name = r.next() {
		switch string(name) {
		case "device_id":
			r.id(&d.Device)
		case "from":
			r.outcome(&d.From)
		case "reason":
			r.reason(&d.Reason)
		case "score":
			r.int(&d.Score)
		case "observed":
			d.Differs = true
			r.outcome(&d.Observed)
		default:
			r.skip()
		}
	}
	return r.err
}

// decodeArray reads version 1: [index, integration, tick, at, [[device, from, reason, score, observed]...]]. observed
// is absent if it is the new outcome.
func (c *Change) decodeArray(dec *msgpack.Decoder) error {
	r := readArray(dec, 5)
	*c = Change{Index: r.count()}
	r.id(&c.Integration)
	c.Tick, c.At = r.uint(), r.at()
	if n := r.list(maxChanged); n > 0 {
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
