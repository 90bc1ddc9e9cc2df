package device

import (
	"net/netip"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// address is an IPv4 address; the zero value means none.
type address [4]byte

// addressOf parses a device's virtual_ipv4. It returns zero unless the text is the IPv4 address of a single host.
func addressOf(text string) address {
	a, err := netip.ParseAddr(text)
	if err != nil {
		return address{}
	}
	return overlayAddress(a)
}

// overlayAddress converts an address for the index: IPv4, possibly mapped into IPv6.
func overlayAddress(a netip.Addr) address {
	a = a.Unmap()
	if !a.Is4() || a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return address{}
	}
	return a.As4()
}

// page holds the ids and addresses of a page's devices. It is not modified, because its ids are shared.
type page struct {
	ids       []proto.ID
	addresses []address // nil: no device has one
}

func (p *page) address(slot int) address {
	if p.addresses == nil {
		return address{}
	}
	return p.addresses[slot]
}

func pageOf(devices []proto.Device) *page {
	p := &page{ids: make([]proto.ID, len(devices))}
	for i := range devices {
		p.ids[i] = devices[i].ID
		if a := addressOf(devices[i].IPv4); a != (address{}) {
			if p.addresses == nil {
				p.addresses = make([]address, len(devices))
			}
			p.addresses[i] = a
		}
	}
	return p
}

// index is an account's inventory. Pages may arrive in any order: a lookup considers every page that currently names
// the device or the address.
type index struct {
	pages   map[topology.PageNumber]*page
	devices refs[proto.ID]
	holders refs[address]
}

// put replaces a page's devices; nil or empty removes the page. Unchanged slots are left alone.
func (x *index) put(n topology.PageNumber, now *page) {
	before := x.pages[n]
	if before == nil {
		before = &page{}
	}
	if now == nil {
		now = &page{}
	}
	for slot, id := range before.ids {
		at, a := refOf(uint32(n), slot), before.address(slot)
		stays := slot < len(now.ids)
		if !stays || now.ids[slot] != id {
			x.devices.remove(id, at)
		}
		if a != (address{}) && (!stays || now.address(slot) != a) {
			x.holders.remove(a, at)
		}
	}
	for slot, id := range now.ids {
		at, a := refOf(uint32(n), slot), now.address(slot)
		was := slot < len(before.ids)
		if !was || before.ids[slot] != id {
			x.devices.add(id, at)
		}
		if a != (address{}) && (!was || before.address(slot) != a) {
			x.holders.add(a, at)
		}
	}
	if len(now.ids) == 0 {
		delete(x.pages, n)
		return
	}
	if x.pages == nil {
		x.pages = map[topology.PageNumber]*page{}
	}
	x.pages[n] = now
}

// find returns the place of a device. A device in two pages is being moved, and is not found until one of them has
// dropped it.
func (x *index) find(id proto.ID) (ref, bool) { return x.devices.only(id) }

// holder returns the device with an address if there is exactly one.
func (x *index) holder(a address) (proto.ID, bool) {
	at, ok := x.holders.only(a)
	if !ok || a == (address{}) {
		return proto.ID{}, false
	}
	id := x.pages[topology.PageNumber(at.page())].ids[at.slot()]
	_, ok = x.find(id)
	return id, ok
}
