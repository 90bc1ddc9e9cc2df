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

// Ordered is an index of an account's resources of one kind, ordered by age. Pages of a list stay stable for clients,
// unless a resource is removed. Its zero value is empty. It is safe for concurrent use.
type Ordered[V any] struct {
	mu     sync.Mutex
	items  []*Item[V]
	lent   bool // a reader has items, so a change must copy them
	places map[proto.ID]*Item[V]
}

// Item is a resource at one revision. It caches its JSON.
type Item[V any] struct {
	Value   V
	ID      proto.ID
	created proto.Millis
	view    atomic.Pointer[encoding]
}

// encoding is the JSON of a resource in a response.
type encoding struct {
	basis Basis
	json  json.RawMessage
}

// Basis identifies everything that a view depends on beside the resource itself. A cached view is only used if its
// basis is the same.
type Basis [3]uint64

func byAge[V any](a, b *Item[V]) int {
	return cmp.Or(cmp.Compare(a.created, b.created), bytes.Compare(a.ID[:], b.ID[:]))
}

// All returns the resources, the oldest first. The slice is shared and must not be modified.
func (s *Ordered[V]) All() []*Item[V] {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lent = true
	return s.items
}

// Put inserts a resource, or replaces the one with its id.
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

// Remove removes the resource with an id, if there is one.
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

// own copies the items if a reader has them.
func (s *Ordered[V]) own() {
	if s.lent {
		s.items, s.lent = slices.Clone(s.items), false
	}
}

// Encoded returns the JSON of the view that show makes. It is cached until the basis differs, and must not be
// modified.
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

// ByAge returns records as items, the oldest first. It suits kinds with few resources, which need no index.
func ByAge[V any](all []V, of func(V) (proto.ID, proto.Millis)) []*Item[V] {
	items := make([]*Item[V], len(all))
	for n, v := range all {
		id, created := of(v)
		items[n] = &Item[V]{Value: v, ID: id, created: created}
	}
	slices.SortFunc(items, byAge)
	return items
}

// EncodeAll returns the JSON of a page of resources.
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

// Filter returns the items of a shared list that want reports true for.
func Filter[V any](all []*Item[V], want func(V) bool) []*Item[V] {
	var some []*Item[V]
	for _, i := range all {
		if want(i.Value) {
			some = append(some, i)
		}
	}
	return some
}
