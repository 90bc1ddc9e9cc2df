package registry

import (
	"fmt"
	"slices"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// shelf holds the pages of a part while they are changed.
type shelf map[topology.PageNumber]*openPage

type openPage struct {
	page    *proto.Page
	slots   map[proto.ID]slot
	changed bool
}

// slot is a device's place in a page: the list and the index.
type slot struct {
	revoked bool
	n       int
}

func open(pages map[topology.PageNumber]*proto.Page) shelf {
	s := make(shelf, len(pages))
	for n, page := range pages {
		o := &openPage{page: page, slots: make(map[proto.ID]slot, len(page.Devices)+len(page.Revoked))}
		for i := range page.Devices {
			o.slots[page.Devices[i].ID] = slot{n: i}
		}
		for i := range page.Revoked {
			o.slots[page.Revoked[i].ID] = slot{revoked: true, n: i}
		}
		s[n] = o
	}
	return s
}

// list returns the list of a slot.
func (o *openPage) list(revoked bool) *[]proto.Device {
	if revoked {
		return &o.page.Revoked
	}
	return &o.page.Devices
}

// put adds a device to a list.
func (o *openPage) put(d proto.Device) {
	list := o.list(d.RevokedAt != 0)
	o.slots[d.ID] = slot{d.RevokedAt != 0, len(*list)}
	*list = append(*list, d)
	o.changed = true
}

// take takes a device out. The last one of its list takes the slot: nothing refers to a device by its slot.
func (o *openPage) take(at slot) proto.Device {
	list := o.list(at.revoked)
	d, last := (*list)[at.n], len(*list)-1
	(*list)[at.n] = (*list)[last]
	o.slots[(*list)[at.n].ID] = at
	*list = (*list)[:last]
	delete(o.slots, d.ID)
	o.changed = true
	return d
}

// apply executes a part's steps on its pages and adds the results to answer. It returns the numbers of the pages to
// write, ascending: a device that already matches the command changes nothing. Pages that contradict the plan are an
// error.
func (p *part) apply(c *proto.Command, pages map[topology.PageNumber]*proto.Page, now proto.Millis,
	answer *proto.CommandAnswer) ([]topology.PageNumber, error) {
	s := open(pages)
	for i, st := range p.steps {
		it := itemOf(c, p.begin+i)
		var done bool
		switch it.do {
		case remove:
			done = s.remove(st, it.id, answer)
		case keep:
			done = s.upsert(st, *it.device, now, answer)
		default:
			done = s.revoke(st, it.id, now, answer)
		}
		if !done {
			return nil, fmt.Errorf("page %d is not as the index has it", st.page)
		}
	}
	var changed []topology.PageNumber
	for n, o := range s {
		if o.changed {
			changed = append(changed, n)
		}
	}
	slices.Sort(changed)
	return changed, nil
}

func (s shelf) remove(st step, id proto.ID, answer *proto.CommandAnswer) bool {
	if st.do == absent {
		answer.Absent++
		return true
	}
	o := s[st.page]
	at, there := o.slots[id]
	if !there {
		return false
	}
	o.take(at)
	answer.Removed++
	return true
}

// revoke revokes a device, or ends its revocation.
func (s shelf) revoke(st step, id proto.ID, now proto.Millis, answer *proto.CommandAnswer) bool {
	if st.do == absent {
		answer.Absent++
		return true
	}
	o := s[st.page]
	at, there := o.slots[id]
	switch {
	case !there:
		return false
	case at.revoked == (st.do == revoke):
		answer.Unchanged++
		return true
	}
	d := o.take(at)
	d.UpdatedAt, d.RevokedAt = now, 0
	if st.do == revoke {
		d.RevokedAt = now
	}
	o.put(d)
	answer.Updated++
	return true
}

func (s shelf) upsert(st step, d proto.Device, now proto.Millis, answer *proto.CommandAnswer) bool {
	if st.do == refuse {
		if len(answer.Refused) == proto.MaxRefusals {
			answer.RefusedMore++
		} else {
			answer.Refused = append(answer.Refused, proto.Refusal{Device: d.ID, Error: fault(&d)})
		}
		return true
	}
	o := s[st.page]
	at, there := o.slots[d.ID]
	if there != (st.do == keep) {
		return false
	}
	d.EnrolledAt, d.UpdatedAt, d.RevokedAt = now, now, 0
	if !there {
		o.put(d)
		answer.Enrolled++
		return true
	}
	old := &(*o.list(at.revoked))[at.n]
	if old.SameFields(&d) {
		answer.Unchanged++
		return true
	}
	d.EnrolledAt, d.RevokedAt = old.EnrolledAt, old.RevokedAt
	*old = d
	answer.Updated++
	o.changed = true
	return true
}
