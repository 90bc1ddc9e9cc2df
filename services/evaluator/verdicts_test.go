package evaluator

import (
	"strings"
	"testing"

	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/overview"
)

// A hold stands again after each rejection with an audit event of its own.
func TestAuditEventsOfAHoldThatStandsAgain(t *testing.T) {
	seen := map[proto.ID]bool{}
	c := catalog.New(bustest.Start(t).Conn(topology.Evaluator), topology.KindCheck)
	var last *proto.Hold
	for n := range proto.Millis(3) {
		next := &proto.Hold{ID: proto.ID{1}, State: proto.HoldStanding, Devices: 10}
		event, err := holdEvent(c, topology.HoldRef{}, last, next)
		if err != nil || seen[event.ID] {
			t.Fatalf("the event after %d rejections: %+v, %v", n, event, err)
		}
		seen[event.ID] = true
		last, _ = next.Decide(proto.HoldRejected, "a", "r", 5+n)
	}
}

// A hold whose record cannot be stored, here one that is too large, holds up no other.
func TestOneFailedVerdictHoldsUpNoOther(t *testing.T) {
	b := bustest.Start(t)
	conn, reader := b.Conn(topology.Evaluator), b.Conn(topology.API)
	s := &Service{bus: conn, clock: clock.System,
		catalog:  catalog.New(conn, topology.KindCheck, topology.KindOrganization),
		overview: overview.New(conn), holds: newHoldView(conn)}
	var good []topology.HoldRef
	large := strings.Repeat("x", topology.MaxPayload+1)
	for n := range byte(16) { // in any order: one failure must not be the last by chance
		ref := topology.HoldRef{Account: proto.NewAccount(), Integration: proto.ID{1}, Check: proto.ID{2, n}}
		h := &proto.Hold{ID: proto.ID{3, n}, Integration: ref.Integration, Check: ref.Check, State: proto.HoldStanding}
		if n%2 == 0 {
			h.By = large
		} else {
			good = append(good, ref)
		}
		s.holds.records[ref] = holdRecord{hold: h}
	}
	if err := s.judgeOnce(t.Context()); err == nil {
		t.Error("no error for the large records")
	}
	for _, ref := range good {
		var h proto.Hold
		_, err := reader.Get(t.Context(), topology.Holds, topology.HoldKey(ref.Account, ref.Integration, ref.Check), &h)
		if err != nil || h.State != proto.HoldEnded {
			t.Errorf("%+v, %v", h, err)
		}
	}
}
