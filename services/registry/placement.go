package registry

import (
	"unicode/utf8"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// limits bound a page and a part of a command.
type limits struct{ pageSize, pages, bytes int }

// verb is the action for one item of a command.
type verb uint8

const (
	refuse   verb = iota // the device cannot be taken; see fault
	remove               // it leaves its page
	absent               // it was to be removed or revoked and is in no page
	enrol                // it joins a page
	keep                 // it is in a page, and is updated there if it differs
	revoke               // it is in a page, and is revoked there
	unrevoke             // it is in a page, and is revoked no longer
)

// step is the decision on one item. page is meaningless for refuse and absent.
type step struct {
	do   verb
	page topology.PageNumber
}

// part is as much of a command as one atomic commit may hold: the items from begin on, one step each.
type part struct {
	begin int
	steps []step
	// pages are the pages of the steps, with the revisions behind the decisions.
	pages map[topology.PageNumber]uint64
}

func (p *part) end() int { return p.begin + len(p.steps) }

// items returns the number of items of a command: removals, upserts, revocations and unrevocations, in this order.
func items(c *proto.Command) int {
	return len(c.Remove) + len(c.Upsert) + len(c.Revoke) + len(c.Unrevoke)
}

// item is a device to upsert, or an id and its action.
type item struct {
	do     verb // remove, keep, revoke or unrevoke
	id     proto.ID
	device *proto.Device // of keep
}

func itemOf(c *proto.Command, i int) item {
	if i < len(c.Remove) {
		return item{do: remove, id: c.Remove[i]}
	}
	if i -= len(c.Remove); i < len(c.Upsert) {
		return item{do: keep, id: c.Upsert[i].ID, device: &c.Upsert[i]}
	}
	if i -= len(c.Upsert); i < len(c.Revoke) {
		return item{do: revoke, id: c.Revoke[i]}
	}
	return item{do: unrevoke, id: c.Unrevoke[i-len(c.Revoke)]}
}

// plan decides the steps for a command's items, from begin on, until the limits of a commit or the end of the items. It
// takes at least one item.
//
// Items are taken one after the other, so the last item for a device decides. A new device goes to the lowest page with
// a free slot; pages never written are empty pages.
func plan(inv *inventory, c *proto.Command, begin int, l limits) part {
	p := planner{inv: inv, max: l, moved: map[proto.ID]int64{}, fill: map[topology.PageNumber]int{},
		part: part{begin: begin, pages: map[topology.PageNumber]uint64{}}}
	for i := begin; i < items(c); i++ {
		it := itemOf(c, i)
		s, bytes := p.decide(it)
		if !p.take(s, bytes) {
			break
		}
		switch s.do {
		case remove:
			p.moved[it.id] = gone
			p.fill[s.page] = p.filled(s.page) - 1
		case enrol:
			p.moved[it.id] = int64(s.page)
			p.fill[s.page] = p.filled(s.page) + 1
		}
	}
	return p.part
}

// planner is the index as the part's steps so far leave it.
type planner struct {
	inv   *inventory
	max   limits
	part  part
	moved map[proto.ID]int64 // the page of a device after the steps so far, or gone
	fill  map[topology.PageNumber]int
	bytes int
	// free is the lowest page with a possible free slot. It only grows: removals come before upserts.
	free topology.PageNumber
}

const gone = -1

func (p *planner) decide(it item) (s step, bytes int) {
	if it.do != keep {
		if n, enrolled := p.locate(it.id); enrolled {
			return step{it.do, n}, 0
		}
		return step{do: absent}, 0
	}
	d := it.device
	if fault(d) != nil {
		return step{do: refuse}, 0
	}
	if n, enrolled := p.locate(d.ID); enrolled {
		return step{keep, n}, encodedSize(d)
	}
	for p.filled(p.free) >= p.max.pageSize {
		p.free++
	}
	return step{enrol, p.free}, encodedSize(d)
}

func (p *planner) locate(id proto.ID) (topology.PageNumber, bool) {
	if n, moved := p.moved[id]; moved {
		return topology.PageNumber(n), n != gone
	}
	n, enrolled := p.inv.where[id]
	return n, enrolled
}

func (p *planner) filled(n topology.PageNumber) int {
	if f, touched := p.fill[n]; touched {
		return f
	}
	if int(n) < len(p.inv.pages) {
		return len(p.inv.pages[n].ids)
	}
	return 0
}

// take adds a step to the part if there is room for it.
func (p *planner) take(s step, bytes int) bool {
	if s.do == refuse || s.do == absent {
		p.part.steps = append(p.part.steps, s)
		return true
	}
	_, touched := p.part.pages[s.page]
	var revision uint64
	if !touched && int(s.page) < len(p.inv.pages) {
		revision, bytes = p.inv.pages[s.page].revision, bytes+p.inv.pages[s.page].bytes
	}
	if len(p.part.pages) > 0 && (p.bytes+bytes > p.max.bytes || (!touched && len(p.part.pages) == p.max.pages)) {
		return false
	}
	p.bytes += bytes
	if !touched {
		p.part.pages[s.page] = revision
	}
	p.part.steps = append(p.part.steps, s)
	return true
}

// encodedSize is the approximate size of a device in a stored page.
func encodedSize(d *proto.Device) int { return d.FieldBytes() + 48 }

// fault is why a device cannot be enrolled, nil if it can.
func fault(d *proto.Device) *proto.Error {
	switch {
	case d.ID.IsZero():
		return &proto.Error{Code: "device_id_missing", Message: "The device has no id; give each device a UUID."}
	case d.FieldBytes() > proto.MaxDeviceField:
		return &proto.Error{Code: "device_too_large",
			Message: "The device's fields are more than 640 bytes together; shorten them."}
	}
	for _, text := range []string{d.Email, d.Serial, d.MAC, d.IPv4, d.Hostname} {
		if !utf8.ValidString(text) {
			return &proto.Error{Code: "device_not_text",
				Message: "A field of the device is not valid UTF-8; send text in UTF-8."}
		}
	}
	return nil
}
