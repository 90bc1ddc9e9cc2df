package api

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"sync"
	"sync/atomic"

	"plumbline.dev/proto"
)

// shelf has an account's resources of one kind in the order in which they were made, so that a list does not
// change under a client that walks its pages, unless something is removed. Its zero value is empty. It is
// safe for concurrent use.
type shelf[V any] struct {
	mu     sync.Mutex
	items  []*item[V]
	lent   bool // somebody reads items: a change makes a copy of them
	places map[proto.ID]*item[V]
}

// item is a resource, at one revision, with what answers show of it once that was asked for.
type item[V any] struct {
	of      V
	id      proto.ID
	created proto.Millis
	view    atomic.Pointer[view]
}

// view is a resource as an answer shows it, encoded.
type view struct {
	basis basis
	json  json.RawMessage
}

// basis says what a view was made of beside the resource itself: another basis, another view.
type basis [3]uint64

func byAge[V any](a, b *item[V]) int {
	return cmp.Or(cmp.Compare(a.created, b.created), bytes.Compare(a.id[:], b.id[:]))
}

// all are the resources, the oldest first. The slice is shared and must not be modified.
func (s *shelf[V]) all() []*item[V] {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lent = true
	return s.items
}

// put puts a resource in the place of what had its id.
func (s *shelf[V]) put(id proto.ID, created proto.Millis, of V) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.take(id)
	i := &item[V]{of: of, id: id, created: created}
	if s.places == nil {
		s.places = map[proto.ID]*item[V]{}
	}
	s.places[id] = i
	s.own()
	at, _ := slices.BinarySearchFunc(s.items, i, byAge)
	s.items = slices.Insert(s.items, at, i)
}

// remove takes the resource with an id out, if it is there.
func (s *shelf[V]) remove(id proto.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.take(id)
}

func (s *shelf[V]) take(id proto.ID) {
	i, found := s.places[id]
	if !found {
		return
	}
	delete(s.places, id)
	s.own()
	at, _ := slices.BinarySearchFunc(s.items, i, byAge)
	s.items = slices.Delete(s.items, at, at+1)
}

// own makes the items ours to change.
func (s *shelf[V]) own() {
	if s.lent {
		s.items, s.lent = slices.Clone(s.items), false
	}
}

// shown is the resource as answers show it: what show gives, encoded, and kept until the basis is another
// one. It must not be modified.
func (i *item[V]) shown(of basis, show func() any) (json.RawMessage, error) {
	if v := i.view.Load(); v != nil && v.basis == of {
		return v.json, nil
	}
	b, err := encode(show())
	if err != nil {
		return nil, err
	}
	b = bytes.Clone(bytes.TrimSpace(b))
	i.view.Store(&view{of, b})
	return b, nil
}

// listing is a list whose parts are encoded already.
type listing []json.RawMessage

func (l listing) join() []byte {
	size := len("[]")
	for _, one := range l {
		size += len(one) + len(",")
	}
	b := append(make([]byte, 0, size), '[')
	for n, one := range l {
		if n > 0 {
			b = append(b, ',')
		}
		b = append(b, one...)
	}
	return append(b, ']')
}

// listed shows a page of resources.
func listed[V any](part []*item[V], of func(V) basis, show func(V) any) (listing, error) {
	views := make(listing, len(part))
	for n, i := range part {
		var err error
		if views[n], err = i.shown(of(i.of), func() any { return show(i.of) }); err != nil {
			return nil, err
		}
	}
	return views, nil
}

// alone is the basis of what is made of nothing but the resource itself.
func alone[V any](V) basis { return basis{} }

// matching are those of a shared list that are wanted.
func matching[V any](all []*item[V], want func(V) bool) []*item[V] {
	var some []*item[V]
	for _, i := range all {
		if want(i.of) {
			some = append(some, i)
		}
	}
	return some
}
