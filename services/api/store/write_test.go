package store

import (
	"testing"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
)

// The audit log shows the record that the caller holds: a store without a connection could not read it.
func TestAWriteDoesNotReadTheRecordThatItsCallerHolds(t *testing.T) {
	held := catalog.Record[proto.Tag]{Revision: 3, Value: &proto.Tag{Name: "a"}}
	got, err := new(Store).replaced(t.Context(), topology.Config, Write{Key: "k", Prior: PriorOf(held)})
	if err != nil || got != proto.Message(held.Value) {
		t.Errorf("%v, %v", got, err)
	}
	if p := PriorOf(catalog.Record[proto.Application]{Revision: 3, Value: &proto.Application{},
		Unreadable: true}); p.Record != nil || p.Revision != 3 {
		t.Errorf("a record that could not be read is shown: %+v", p)
	}
}
