package bus_test

import (
	"slices"
	"testing"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// logged returns the sequences in the log of the messages taken.
func (x *taken) logged(t *testing.T) (all []uint64) {
	t.Helper()
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, m := range x.all {
		seq, err := bus.LogSequence(m)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, seq)
	}
	return all
}

// A stalled copy, such as after an outage of the servers, holds nothing back: missing messages are read from the log,
// in order, and the copy is followed again after it continues.
func TestACopyThatStandsStillIsOvertaken(t *testing.T) {
	b := bustest.Start(t)
	operator, evaluator := b.Conn(topology.Operator), b.Conn(topology.Evaluator)
	a, integration := proto.NewAccount(), proto.NewID()
	var want []uint64
	write := func(page topology.PageNumber) {
		t.Helper()
		ack, err := evaluator.Publish(t.Context(), bus.Outgoing{
			Subject: topology.Log(topology.PageRef{Account: a, Integration: integration, Page: page}), Body: &proto.Entry{}})
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, ack.Seq)
	}
	write(0)
	var got taken
	run(t, &bus.Tail{Conn: b.Conn(topology.Gateway), Stream: topology.PostureState, Origin: topology.PostureLog,
		Filters: []string{topology.AllLogs}, Apply: got.apply})
	all := func() bool { return slices.Equal(slices.Compact(got.logged(t)), want) }
	bustest.Eventually(t, "the first entry is read", all)

	sources := b.StandStill(topology.PostureState)
	for range 2 {
		for page := range topology.PageNumber(3) {
			write(page)
		}
		bustest.Eventually(t, "the entries of the log are read", all)
	}
	if m, err := operator.Last(t.Context(), topology.PostureState, topology.AllLogs); err != nil || m.Seq != 1 {
		t.Fatalf("the copy did not stand still: %+v, %v", m, err)
	}

	b.GoOn(topology.PostureState, sources)
	write(0)
	bustest.Eventually(t, "the copy goes on", func() bool {
		return slices.Contains(got.logged(t), want[len(want)-1])
	})
}
