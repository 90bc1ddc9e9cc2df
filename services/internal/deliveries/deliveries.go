// Package deliveries is a view of the states of the deliveries to destinations.
package deliveries

import (
	"sync"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/bus/view"
	"plumbline.dev/proto"
)

// Ref names a destination.
type Ref struct {
	Account proto.Account
	ID      proto.ID
}

// View is a view of the states of the deliveries to all destinations. It may lag behind the bus. It is safe for
// concurrent use.
type View struct {
	*view.View
	mu  sync.Mutex
	all map[Ref]stored
}

type stored struct {
	proto.Delivery
	revision uint64
}

// New returns an empty view. Its Run fills it.
func New(c *bus.Conn) *View {
	v := &View{all: map[Ref]stored{}}
	v.View = view.New(c, topology.Deliveries, []string{topology.AllDeliveryKeys}, v.apply)
	return v
}

func (v *View) apply(u bus.Update) error {
	account, id, err := topology.ParseDeliveryKey(u.Key)
	if err != nil {
		return err
	}
	var d proto.Delivery
	if !u.Deleted {
		if err := u.Decode(&d); err != nil {
			return err
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if u.Deleted {
		delete(v.all, Ref{account, id})
		return nil
	}
	v.all[Ref{account, id}] = stored{d, u.Revision}
	return nil
}

// Find returns the state of a destination; the zero state if there is none.
func (v *View) Find(a proto.Account, id proto.ID) proto.Delivery {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.all[Ref{a, id}].Delivery
}

// Revision returns the revision of the state of a destination; 0 if there is none.
func (v *View) Revision(a proto.Account, id proto.ID) uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.all[Ref{a, id}].revision
}

// Revisions returns the revision of each state.
func (v *View) Revisions() map[Ref]uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	all := make(map[Ref]uint64, len(v.all))
	for k, s := range v.all {
		all[k] = s.revision
	}
	return all
}
