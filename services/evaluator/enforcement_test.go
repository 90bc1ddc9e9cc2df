package evaluator_test

import (
	"testing"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

func (f *fixture) exempt(x *proto.Exemption) {
	f.t.Helper()
	f.put(topology.Config, topology.ConfigKey(f.account, topology.KindExemption, x.ID), x)
}

func (f *fixture) organization(o *proto.Organization) {
	f.t.Helper()
	f.put(topology.Config, topology.ConfigKey(f.account, topology.KindOrganization, topology.OrganizationID(f.account)), o)
}

// sweeping has the evaluators look for due pages until the condition holds.
func (f *fixture) sweeping(ok func(*proto.Entry) bool) func(*proto.Entry) bool {
	return func(e *proto.Entry) bool {
		f.clock.Advance(20 * time.Millisecond)
		return ok(e)
	}
}

func (f *fixture) now() proto.Millis { return proto.At(f.clock.Now()) }

// Exemptions and the observe switch reach the pages they concern without a poll, begin, end with their time, and are
// gone with their record.
func TestExemptionsAndTheObserveSwitch(t *testing.T) {
	f := newFixture(t, topology.Options{})
	d, c := ids(2), ids(1)
	f.check(c[0], ">=", 50, 0)
	f.evaluators(2)
	f.page(0, d[0])
	revision := f.page(3, d[1])
	f.poll(3, 5, revision, map[proto.ID]int{d[1]: 10})
	fails, exempt := is(map[proto.ID]string{d[1]: "fail score"}), is(map[proto.ID]string{d[1]: "pass exempt"})
	f.until(3, "it fails", fails)
	f.settled() // or the input of the page's change shows the exemption first

	x := &proto.Exemption{ID: proto.NewID(), Device: d[1], Page: 3, Check: c[0], Until: f.now().Add(time.Hour),
		Reason: "repair"}
	f.exempt(x)
	e := f.until(3, "it is exempt", exempt)
	if e.Cause != proto.CauseConfig || e.NextExpiry != x.Until || len(e.Exemptions) != 1 {
		t.Errorf("%+v", e)
	}
	f.remove(topology.KindExemption, x.ID)
	f.until(3, "its exemption is deleted", fails)

	x.ID, x.Check = proto.NewID(), proto.ID{}
	f.exempt(x)
	f.until(3, "it is exempt from every check", exempt)
	f.settled()
	f.clock.Advance(time.Hour)
	e = f.until(3, "the exemption's time is over", f.sweeping(fails))
	if e.Cause != proto.CauseExpired || e.EndedExemptions() != x.ID.String() {
		t.Errorf("%+v", e)
	}
	m, err := f.reader.Last(t.Context(), topology.PostureLog, topology.Log(f.ref(3)))
	if err != nil || m.Header.Get(proto.HeaderExemptionsEnded) != x.ID.String() {
		t.Errorf("header %v, %v", m.Header, err)
	}

	f.organization(&proto.Organization{Observe: &proto.ObserveSwitch{Until: f.now().Add(time.Hour), Reason: "a bad day"}})
	f.until(3, "nothing is enforced", is(map[proto.ID]string{d[1]: "pass observe_only"}))
	f.until(0, "nothing is enforced on any page", is(map[proto.ID]string{d[0]: "pass observe_only"}))
	f.clock.Advance(time.Hour)
	f.until(3, "the switch's time is over", f.sweeping(fails))
	f.until(0, "its time is over on every page", f.sweeping(is(map[proto.ID]string{d[0]: "unknown never_polled"})))
	f.organization(&proto.Organization{})
	f.until(3, "the switch is gone", func(e *proto.Entry) bool { return e.Observe == proto.EntryObserve{} })
}

// The deletion of an exemption does not name its page: an evaluator that never saw the record finds it all the same.
func TestADeletedExemptionOfBefore(t *testing.T) {
	f := newFixture(t, topology.Options{})
	d, c := ids(1), ids(1)
	f.check(c[0], ">=", 50, 0)
	x := &proto.Exemption{ID: proto.NewID(), Device: d[0], Page: 2, Until: f.now().Add(time.Hour), Reason: "repair"}
	f.exempt(x)
	stop := f.evaluator()
	f.page(2, d[0])
	f.until(2, "it is exempt", is(map[proto.ID]string{d[0]: "pass exempt"}))
	f.settled()
	stop()
	f.remove(topology.KindExemption, x.ID)
	f.evaluators(1)
	f.until(2, "it is exempt no more", is(map[proto.ID]string{d[0]: "unknown never_polled"}))
}
