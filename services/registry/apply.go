package registry

import (
	"fmt"
	"slices"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// shelf holds the pages that a part touches, as they are being changed.
type shelf map[topology.PageNumber]*openPage

type openPage struct {
	page    *proto.Page
	slots   map[proto.ID]int
	changed bool
}

func open(pages map[topology.PageNumber]*proto.Page) shelf {
	s := make(shelf, len(pages))
	for n, page := range pages {
		o := &openPage{page: page, slots: make(map[proto.ID]int, len(page.Devices))}
		for i := range page.Devices {
			o.slots[page.Devices[i].ID] = i
		}
		s[n] = o
	}
	return s
}

// apply carries out a part's steps on the pages that it touches, which it changes, and adds what it did to
// answer. It returns the numbers of the pages that are to be written, ascending: a device that is already
// as the command says changes nothing. Pages that do not bear out the plan are an error.
func (p *part) apply(c *proto.Command, pages map[topology.PageNumber]*proto.Page, now proto.Millis, answer *proto.CommandAnswer) ([]topology.PageNumber, error) {
	s := open(pages)
	for i, st := range p.steps {
		item := p.begin + i
		var done bool
		if item < len(c.Remove) {
			done = s.remove(st, c.Remove[item], answer)
		} else {
			done = s.upsert(st, c.Upsert[item-len(c.Remove)], now, answer)
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
	slot, there := o.slots[id]
	if !there {
		return false
	}
	// The last device takes the slot: nothing refers to a device by its slot.
	last := len(o.page.Devices) - 1
	o.page.Devices[slot] = o.page.Devices[last]
	o.slots[o.page.Devices[slot].ID] = slot
	o.page.Devices = o.page.Devices[:last]
	delete(o.slots, id)
	o.changed = true
	answer.Removed++
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
	slot, there := o.slots[d.ID]
	if there != (st.do == keep) {
		return false
	}
	d.EnrolledAt, d.UpdatedAt = now, now
	switch {
	case !there:
		o.slots[d.ID] = len(o.page.Devices)
		o.page.Devices = append(o.page.Devices, d)
		answer.Enrolled++
	case o.page.Devices[slot].SameFields(&d):
		answer.Unchanged++
		return true
	default:
		d.EnrolledAt = o.page.Devices[slot].EnrolledAt
		o.page.Devices[slot] = d
		answer.Updated++
	}
	o.changed = true
	return true
}
