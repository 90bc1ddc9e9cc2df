package dispatcher

import (
	"maps"
	"sync"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/bus/view"
	"plumbline.dev/proto"
)

// states is a view of the stored states of all deliveries.
type states struct {
	*view.View
	mu  sync.Mutex
	all map[ref]storedState
}

type storedState struct {
	proto.Delivery
	revision uint64
}

func newStates(c *bus.Conn) *states {
	s := &states{all: map[ref]storedState{}}
	s.View = view.New(c, topology.Deliveries, []string{topology.AllDeliveryKeys}, s.apply)
	return s
}

func (s *states) apply(u bus.Update) error {
	account, id, err := topology.ParseDeliveryKey(u.Key)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k := ref{account, id}
	if u.Deleted {
		delete(s.all, k)
		return nil
	}
	var d proto.Delivery
	if err := u.Decode(&d); err != nil {
		return err
	}
	s.all[k] = storedState{d, u.Revision}
	return nil
}

// find returns the state of a destination; the zero state if there is none.
func (s *states) find(k ref) proto.Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all[k].Delivery
}

// revisions returns the revision of each state.
func (s *states) revisions() map[ref]uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make(map[ref]uint64, len(s.all))
	for k, v := range maps.All(s.all) {
		all[k] = v.revision
	}
	return all
}
