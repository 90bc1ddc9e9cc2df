package proto

import "github.com/vmihailenco/msgpack/v5"

// HoldNotice is the message, on posture.hold.<account>.<integration>.<check>, that a hold began or changed. Its members
// are those of [Hold].
type HoldNotice struct {
	Account     Account
	ID          ID
	Check       ID
	Integration ID
	State       HoldState
	Directions  []string // see [Hold.Directions]
	Tick        uint64
	Since       Millis
	UpdatedAt   Millis
	Pages       int
	Devices     int
	Fleet       Flips // the flips in each direction, the passes, and the passes and fails
	By          string
	Reason      string
	DecidedAt   Millis
}

// Notice returns the message about the hold of an account.
func (h *Hold) Notice(a Account) *HoldNotice {
	fleet := Flips{Out: h.Fleet.Out, In: h.Fleet.In, Passing: h.Fleet.Passing, Known: h.Fleet.Known}
	return &HoldNotice{Account: a, ID: h.ID, Check: h.Check, Integration: h.Integration, State: h.State,
		Directions: h.Directions(), Tick: h.Tick, Since: h.Since, UpdatedAt: h.UpdatedAt, Pages: h.Pages,
		Devices: h.Devices, Fleet: fleet, By: h.By, Reason: h.Reason, DecidedAt: h.DecidedAt}
}

// Schema implements Message.
func (*HoldNotice) Schema() Schema { return Schema{"hold_notice", 2} }

// Oldest implements Versioned.
func (*HoldNotice) Oldest() int { return 1 }

// EncodeMsgpack writes the map that schema/hold_notice.2.json describes.
func (h *HoldNotice) EncodeMsgpack(enc *msgpack.Encoder) error {
	return enc.Encode(msgpack.RawMessage(h.append(nil)))
}

// append implements appender.
func (h *HoldNotice) append(b []byte) []byte {
	w := beginMap(b)
	w.account("account_id", h.Account)
	w.id("id", &h.ID)
	w.id("rule_id", &h.Check)
	w.id("integration_id", &h.Integration)
	w.text("state", string(h.State))
	w.key("directions")
	w.b = appendArray(w.b, len(h.Directions))
	for _, d := range h.Directions {
		w.b = appendStr(w.b, d)
	}
	w.uint("tick", h.Tick)
	w.time("since", h.Since)
	w.time("updated_at", h.UpdatedAt)
	w.int("pages", h.Pages)
	w.int("devices", h.Devices)
	w.int("fleet_lost", h.Fleet.Out)
	w.int("fleet_gained", h.Fleet.In)
	w.int("fleet_pass", h.Fleet.Passing)
	w.int("fleet_known", h.Fleet.Known)
	w.text("by", h.By)
	w.text("reason", h.Reason)
	w.time("decided_at", h.DecidedAt)
	return w.end()
}

// maxDirections bounds the directions that are read: two are known.
const maxDirections = 16

// DecodeMsgpack reads the form written by EncodeMsgpack, and that of version 1, which names two ids differently.
func (h *HoldNotice) DecodeMsgpack(dec *msgpack.Decoder) error {
	*h = HoldNotice{}
	var r mapReader
	r.open(dec)
	for name := r.next(); name != nil; name = r.next() {
		h.member(&r, string(name))
	}
	return r.err
}

func (h *HoldNotice) member(r *mapReader, name string) {
	numbers := map[string]*int{"pages": &h.Pages, "devices": &h.Devices, "fleet_lost": &h.Fleet.Out,
		"fleet_gained": &h.Fleet.In, "fleet_pass": &h.Fleet.Passing, "fleet_known": &h.Fleet.Known}
	switch name {
	case "account_id":
		r.account(&h.Account)
	case "id":
		r.id(&h.ID)
	case "rule_id", "check":
		r.id(&h.Check)
	case "integration_id", "integration":
		r.id(&h.Integration)
	case "state":
		r.text((*string)(&h.State))
	case "directions":
		h.Directions = nil
		for range r.list(maxDirections) {
			var direction string
			r.text(&direction)
			h.Directions = append(h.Directions, direction)
		}
	case "tick":
		r.uint(&h.Tick)
	case "since":
		r.time(&h.Since)
	case "updated_at":
		r.time(&h.UpdatedAt)
	case "by":
		r.text(&h.By)
	case "reason":
		r.text(&h.Reason)
	case "decided_at":
		r.time(&h.DecidedAt)
	default:
		if number := numbers[name]; number != nil {
			r.int(number)
			return
		}
		r.skip()
	}
}
