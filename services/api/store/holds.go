package store

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/bus/view"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
)

// KindHold is the kind of a hold in the audit log.
const KindHold = "hold"

// Holds is a view of the bucket HOLDS: the newest hold of each check over an integration. It is safe for concurrent
// use.
type Holds struct {
	*view.View

	mu      sync.RWMutex
	records map[topology.HoldRef]catalog.Record[proto.Hold]
}

func newHolds(conn *bus.Conn) *Holds {
	v := &Holds{records: map[topology.HoldRef]catalog.Record[proto.Hold]{}}
	v.View = view.New(conn, topology.Holds, []string{topology.AllHoldKeys}, v.apply)
	return v
}

func (v *Holds) apply(u bus.Update) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	ref, err := topology.ParseHoldKey(u.Key)
	if err == nil {
		delete(v.records, ref)
	}
	if err == nil && !u.Deleted {
		hold := new(proto.Hold)
		if err = u.Decode(hold); err == nil {
			v.records[ref] = catalog.Record[proto.Hold]{Account: ref.Account, Revision: u.Revision, Value: hold}
		}
	}
	return err
}

// Of returns the holds of an account, the newest first.
func (v *Holds) Of(a proto.Account) []catalog.Record[proto.Hold] {
	v.mu.RLock()
	defer v.mu.RUnlock()
	var all []catalog.Record[proto.Hold]
	for ref, r := range v.records {
		if ref.Account == a {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b catalog.Record[proto.Hold]) int {
		return cmp.Or(cmp.Compare(b.Value.Since, a.Value.Since), slices.Compare(a.Value.ID[:], b.Value.ID[:]))
	})
	return all
}

// All returns the holds of every account, in no order.
func (v *Holds) All() []catalog.Record[proto.Hold] {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return slices.Collect(maps.Values(v.records))
}

// FreshHolds waits until the view of the holds includes every write that was acknowledged before the call.
func (s *Store) FreshHolds(ctx context.Context) error { return UpToDate(ctx, s.held, s.Holds) }

// PutHold stores a hold. The error of a lost race is [bus.ErrConflict].
func (s *Store) PutHold(ctx context.Context, a proto.Account, h *proto.Hold, prior Prior) (uint64, error) {
	return s.Commit(ctx, a, topology.Holds,
		Write{Key: topology.HoldKey(a, h.Integration, h.Check), Prior: prior, After: h})
}

// RemoveHold deletes the record of a hold. The error of a lost race is [bus.ErrConflict].
func (s *Store) RemoveHold(ctx context.Context, a proto.Account, h *proto.Hold, prior Prior) error {
	_, err := s.Commit(ctx, a, topology.Holds, Write{Key: topology.HoldKey(a, h.Integration, h.Check), Prior: prior})
	return err
}
