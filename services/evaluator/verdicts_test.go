package evaluator

import (
	"testing"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// A hold stands again after each rejection with an audit event of its own.
func TestAuditEventsOfAHoldThatStandsAgain(t *testing.T) {
	seen := map[proto.ID]bool{}
	var last *proto.Hold
	for n := range proto.Millis(3) {
		next := &proto.Hold{ID: proto.ID{1}, State: proto.HoldStanding, Devices: 10}
		event, err := holdEvent(topology.HoldRef{}, "healthy", last, next)
		if err != nil || seen[event.ID] {
			t.Fatalf("the event after %d rejections: %+v, %v", n, event, err)
		}
		seen[event.ID] = true
		last, _ = next.Decide(proto.HoldRejected, "a", "r", 5+n)
	}
}
