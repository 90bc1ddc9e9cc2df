package destination

import (
	"sync"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/bus/view"
	"plumbline.dev/proto"
)

// states is a view of the deliveries to all destinations. It may lag behind the bus.
type states struct {
	*view.View
	mu  sync.Mutex
	all map[key]deliveryState
}

type key struct {
	account proto.Account
	id      proto.ID
}

type deliveryState struct {
	proto.Delivery
	revision uint64
}

func newStates(c *bus.Conn) *states {
	s := &states{all: map[key]deliveryState{}}
	s.View = view.New(c, topology.Deliveries, []string{topology.AllDeliveryKeys}, s.apply)
	return s
}

func (s *states) apply(u bus.Update) error {
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
	s.mu.Lock()
	defer s.mu.Unlock()
	if u.Deleted {
		delete(s.all, key{account, id})
		return nil
	}
	s.all[key{account, id}] = deliveryState{d, u.Revision}
	return nil
}

// find returns the state of a destination; the zero state if there is none.
func (s *states) find(a proto.Account, id proto.ID) proto.Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all[key{a, id}].Delivery
}

// revision returns the revision of the state of a destination; 0 if there is none.
func (s *states) revision(a proto.Account, id proto.ID) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all[key{a, id}].revision
}
