package device

import (
	"net/netip"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// address is an IPv4 address; the zero address is none.
type address [4]byte

// addressOf reads a device's virtual_ipv4. What is not the IPv4 address of one host is no address to know it
// by.
func addressOf(text string) address {
	a, err := netip.ParseAddr(text)
	if err != nil {
		return address{}
	}
	return overlayAddress(a)
}

// overlayAddress is an address as the index knows it: IPv4, also where it is mapped into IPv6.
func overlayAddress(a netip.Addr) address {
	a = a.Unmap()
	if !a.Is4() || a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return address{}
	}
	return a.As4()
}

// page is the devices of a page as far as they are kept. It is not modified: its ids are shared.
type page struct {
	ids       []proto.ID
	addresses []address // nil: none has one
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

// index is an account's inventory. Pages may be put in any order: what counts for a device or an address is
// every page that names it at the moment.
type index struct {
	pages   map[topology.PageNumber]*page
	devices refs[proto.ID]
	holders refs[address]
}

// put takes a page's new devices in place of those that it had; none: the page is gone. What stays in its
// slot is left alone.
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

// find is where a device is enrolled. One that two pages name is being moved, and nowhere until one of them
// has let it go.
func (x *index) find(id proto.ID) (ref, bool) { return x.devices.only(id) }

// holder is the device that has an address, if exactly one has.
func (x *index) holder(a address) (proto.ID, bool) {
	at, ok := x.holders.only(a)
	if !ok || a == (address{}) {
		return proto.ID{}, false
	}
	id := x.pages[topology.PageNumber(at.page())].ids[at.slot()]
	_, ok = x.find(id)
	return id, ok
}
