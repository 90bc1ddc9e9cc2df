package proto

import (
	"fmt"

	"github.com/vmihailenco/msgpack/v5"
)

// Device is an enrolled device as the inventory knows it. Empty fields are unknown.
type Device struct {
	ID         ID     `json:"device_id"`
	Email      string `json:"email"`
	Serial     string `json:"serial_number"`
	MAC        string `json:"mac_address"`
	IPv4       string `json:"virtual_ipv4"`
	Hostname   string `json:"hostname"`
	EnrolledAt Millis `json:"-"`
	UpdatedAt  Millis `json:"-"`
	RevokedAt  Millis `json:"-"` // 0: it is not revoked
}

// FieldBytes returns the size to compare with [MaxDeviceField].
func (d *Device) FieldBytes() int {
	return len(d.Email) + len(d.Serial) + len(d.MAC) + len(d.IPv4) + len(d.Hostname)
}

// SameFields reports whether two devices are equal except for their times of writing.
func (d *Device) SameFields(o *Device) bool {
	return d.ID == o.ID && d.Email == o.Email && d.Serial == o.Serial && d.MAC == o.MAC &&
		d.IPv4 == o.IPv4 && d.Hostname == o.Hostname
}

func (d *Device) encode(w *writer) {
	revoked := d.RevokedAt != 0
	if revoked {
		w.array(9)
	} else {
		w.array(8)
	}
	w.id(&d.ID)
	w.str(d.Email)
	w.str(d.Serial)
	w.str(d.MAC)
	w.str(d.IPv4)
	w.str(d.Hostname)
	w.at(d.EnrolledAt)
	w.at(d.UpdatedAt)
	if revoked {
		w.at(d.RevokedAt)
	}
}

func (d *Device) decode(dec *msgpack.Decoder) error {
	r := readArray(dec, 1)
	r.id(&d.ID)
	d.Email, d.Serial, d.MAC, d.IPv4, d.Hostname = r.str(), r.str(), r.str(), r.str(), r.str()
	d.EnrolledAt, d.UpdatedAt, d.RevokedAt = r.at(), r.at(), r.at()
	return r.close()
}

// Page is one inventory record: up to [PageSize] devices, one key of the DEVICES bucket. Its revision is the
// key's.
type Page struct {
	Devices []Device
	// Revoked are devices with a slot, known to the registry and the api only: they are not polled, have no results,
	// and no gateway knows them. They are in a list of their own, so readers unaware of revocation treat them as
	// removed.
	Revoked []Device
}

// Schema implements Message.
func (*Page) Schema() Schema { return Schema{"page", 1} }

// EncodeMsgpack writes [[device...], [revoked device...]], without an empty second list.
func (p *Page) EncodeMsgpack(enc *msgpack.Encoder) error { return encodeTo(enc, p) }

// encode implements fielded.
func (p *Page) encode(w *writer) {
	w.array(1 + min(len(p.Revoked), 1))
	encodeDevices(w, p.Devices)
	if len(p.Revoked) > 0 {
		encodeDevices(w, p.Revoked)
	}
}

// size implements fielded.
func (p *Page) size() int { return 10 + sizeOfDevices(p.Devices) + sizeOfDevices(p.Revoked) }

// DecodeMsgpack reads the form written by EncodeMsgpack; a page of more than [PageSize] devices is an error.
func (p *Page) DecodeMsgpack(dec *msgpack.Decoder) error {
	r := readArray(dec, 1)
	p.Devices = decodeDevices(&r, PageSize)
	p.Revoked = decodeDevices(&r, PageSize-len(p.Devices))
	return r.close()
}

func encodeDevices(w *writer, devices []Device) {
	w.array(len(devices))
	for i := range devices {
		devices[i].encode(w)
	}
}

func sizeOfDevices(devices []Device) int {
	size := 0
	for i := range devices {
		size += 64 + devices[i].FieldBytes()
	}
	return size
}

func decodeDevices(r *reader, max int) []Device {
	n := r.list(max)
	if n == 0 {
		return nil
	}
	// A command may claim more devices than it holds: memory grows with the devices read.
	devices := make([]Device, 0, min(n, PageSize))
	for i := range n {
		devices = append(devices, Device{})
		if err := devices[i].decode(r.dec); err != nil {
			r.keep(fmt.Errorf("device %d: %w", i, err))
			return nil
		}
	}
	return devices
}
