package device

import "slices"

// ref is a device's place in the inventory: page and slot in one number. 2^22 pages hold four billion devices of an
// account.
type ref uint32

const (
	slotBits = 10 // a page has at most 1,000 devices
	maxPage  = 1<<(32-slotBits) - 1
)

func refOf(page uint32, slot int) ref { return ref(page<<slotBits | uint32(slot)) }

func (r ref) page() uint32 { return uint32(r) >> slotBits }
func (r ref) slot() int    { return int(r & (1<<slotBits - 1)) }

// refs maps keys to places. Nearly every key has one place, so further ones are stored separately. The zero value is
// empty.
type refs[K comparable] struct {
	one  map[K]ref
	more map[K][]ref // further places of the keys in one
}

func (r *refs[K]) add(k K, at ref) {
	if _, there := r.one[k]; !there {
		if r.one == nil {
			r.one = map[K]ref{}
		}
		r.one[k] = at
		return
	}
	if r.more == nil {
		r.more = map[K][]ref{}
	}
	r.more[k] = append(r.more[k], at)
}

// remove undoes add.
func (r *refs[K]) remove(k K, at ref) {
	others := r.more[k]
	if r.one[k] == at {
		if len(others) == 0 {
			delete(r.one, k)
			return
		}
		r.one[k], others = others[0], others[1:]
	} else {
		others = slices.DeleteFunc(others, func(o ref) bool { return o == at })
	}
	if len(others) == 0 {
		delete(r.more, k)
		return
	}
	r.more[k] = others
}

// only returns the place of a key if it has exactly one.
func (r *refs[K]) only(k K) (ref, bool) {
	at, there := r.one[k]
	if !there || len(r.more[k]) > 0 {
		return 0, false
	}
	return at, true
}
