package catalog

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Table holds the resources of one kind in a view. It is safe for concurrent use.
type Table[T any] struct {
	view   *Catalog
	rows   map[key]Record[T]
	decode func(k key, u bus.Update, into *T) error
	// changed is called before each change, with the lock held. Optional.
	changed func(key)
}

// table is the part of [Table] that does not depend on the type of the records.
type table interface {
	put(k key, u bus.Update) (was, is any, err error)
}

// Of adds the table of a kind to a view, where a record has the id that id returns. Call it before Run, and once for
// each kind.
func Of[T any, M interface {
	*T
	proto.Message
}](c *Catalog, kind topology.Kind, id func(M) proto.ID) *Table[T] {
	return add[T, M](c, kind, func(_ proto.Account, m M) proto.ID { return id(m) })
}

// add is [Of] for records with ids that depend on the account. id is nil for records that do not hold their ids.
func add[T any, M interface {
	*T
	proto.Message
}](c *Catalog, kind topology.Kind, id func(proto.Account, M) proto.ID) *Table[T] {
	if c.tables[kind] != nil {
		panic("two tables of the kind " + string(kind))
	}
	t := &Table[T]{view: c, rows: map[key]Record[T]{}, decode: func(k key, u bus.Update, v *T) error {
		if err := u.Decode(M(v)); err != nil || id == nil {
			return err
		}
		if got := id(k.account, M(v)); got != k.id {
			return fmt.Errorf("it is the record of %s", got)
		}
		return nil
	}}
	c.tables[kind] = t
	return t
}

// put applies a change. The lock must be held.
func (t *Table[T]) put(k key, u bus.Update) (was, is any, err error) {
	if t.changed != nil {
		t.changed(k)
	}
	if old, ok := t.rows[k]; ok {
		was = old.Value
	}
	delete(t.rows, k)
	if u.Deleted {
		return was, nil, nil
	}
	v := new(T)
	if err := t.decode(k, u, v); err != nil {
		return was, nil, err
	}
	t.rows[k] = Record[T]{Account: k.account, Revision: u.Revision, Value: v}
	return was, v, nil
}

// Find looks up a resource.
func (t *Table[T]) Find(a proto.Account, id proto.ID) (Record[T], bool) {
	t.view.mu.RLock()
	defer t.view.mu.RUnlock()
	r, ok := t.rows[key{a, id}]
	return r, ok
}

// In returns the resources of an account, sorted by id.
func (t *Table[T]) In(a proto.Account) []Record[T] {
	return t.list(func(r Record[T]) bool { return r.Account == a })
}

// All returns the resources of every account, sorted by account and id.
func (t *Table[T]) All() []Record[T] { return t.list(func(Record[T]) bool { return true }) }

func (t *Table[T]) list(want func(Record[T]) bool) []Record[T] {
	t.view.mu.RLock()
	defer t.view.mu.RUnlock()
	return t.sorted(want)
}

// sorted returns resources, sorted by account and id. The lock must be held.
func (t *Table[T]) sorted(want func(Record[T]) bool) []Record[T] {
	var keys []key
	for k, r := range t.rows {
		if want(r) {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b key) int {
		return cmp.Or(bytes.Compare(a.account[:], b.account[:]), bytes.Compare(a.id[:], b.id[:]))
	})
	var out []Record[T]
	for _, k := range keys {
		out = append(out, t.rows[k])
	}
	return out
}
