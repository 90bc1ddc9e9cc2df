package store_test

import (
	"errors"
	"testing"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/store"
)

// TestLostRace checks the error of a write based on a revision that is not the newest.
func TestLostRace(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	s := newStore(t, f)
	id, tag := proto.NewID(), &proto.Tag{Name: "a"}
	revision, err := s.Put(t.Context(), f.Account, topology.KindTag, id, tag, store.Prior{})
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []uint64{0, revision - 1, revision + 100} {
		prior := store.Prior{Record: tag, Revision: wrong}
		if _, err := s.Put(t.Context(), f.Account, topology.KindTag, id, tag, prior); !errors.Is(err, bus.ErrConflict) {
			t.Errorf("revision %d: %v", wrong, err)
		}
	}
}
