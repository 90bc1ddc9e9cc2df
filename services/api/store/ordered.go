package store

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"sync"
	"sync/atomic"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
)

// Ordered has an account's resources of one kind in the order in which they were made, so that a list does not
// change under a client that walks its pages, unless something is removed. Its zero value is empty. It is
// safe for concurrent use.
type Ordered[V any] struct {
	mu     sync.Mutex
	items  []*Item[V]
	lent   bool // somebody reads items: a change makes a copy of them
	places map[proto.ID]*Item[V]
}

// Item is a resource, at one revision, with what answers show of it once that was asked for.
type Item[V any] struct {
	Value   V
	ID      proto.ID
	created proto.Millis
	view    atomic.Pointer[encoding]
}

// encoding is a resource as an answer shows it, encoded.
type encoding struct {
	basis Basis
	json  json.RawMessage
}

// Basis says what a view was made of beside the resource itself: another basis, another view.
type Basis [3]uint64

func byAge[V any](a, b *Item[V]) int {
	return cmp.Or(cmp.Compare(a.created, b.created), bytes.Compare(a.ID[:], b.ID[:]))
}

// All are the resources, the oldest first. The slice is shared and must not be modified.
func (s *Ordered[V]) All() []*Item[V] {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lent = true
	return s.items
}

// Put puts a resource in the place of what had its id.
func (s *Ordered[V]) Put(id proto.ID, created proto.Millis, of V) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.take(id)
	i := &Item[V]{Value: of, ID: id, created: created}
	if s.places == nil {
		s.places = map[proto.ID]*Item[V]{}
	}
	s.places[id] = i
	s.own()
	at, _ := slices.BinarySearchFunc(s.items, i, byAge)
	s.items = slices.Insert(s.items, at, i)
}

// Remove takes the resource with an id out, if it is there.
func (s *Ordered[V]) Remove(id proto.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.take(id)
}

func (s *Ordered[V]) take(id proto.ID) {
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
func (s *Ordered[V]) own() {
	if s.lent {
		s.items, s.lent = slices.Clone(s.items), false
	}
}

// Encoded is the resource as answers show it: what show gives, encoded, and kept until the basis is another
// one. It must not be modified.
func (i *Item[V]) Encoded(of Basis, show func() any) (json.RawMessage, error) {
	if v := i.view.Load(); v != nil && v.basis == of {
		return v.json, nil
	}
	b, err := v4.Encode(show())
	if err != nil {
		return nil, err
	}
	b = bytes.Clone(bytes.TrimSpace(b))
	i.view.Store(&encoding{of, b})
	return b, nil
}

// EncodeAll shows a page of resources.
func EncodeAll[V any](part []*Item[V], of func(V) Basis, show func(V) any) (v4.RawList, error) {
	views := make(v4.RawList, len(part))
	for n, i := range part {
		var err error
		if views[n], err = i.Encoded(of(i.Value), func() any { return show(i.Value) }); err != nil {
			return nil, err
		}
	}
	return views, nil
}

// NoBasis is the basis of what is made of nothing but the resource itself.
func NoBasis[V any](V) Basis { return Basis{} }

// Filter are those of a shared list that are wanted.
func Filter[V any](all []*Item[V], want func(V) bool) []*Item[V] {
	var some []*Item[V]
	for _, i := range all {
		if want(i.Value) {
			some = append(some, i)
		}
	}
	return some
}
