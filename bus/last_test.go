package bus_test

import (
	"testing"

	"github.com/nats-io/nats.go"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// A writer can write after the newest message of a subject even if the headers of that message are unreadable.
func TestTheNewestMessageHasASequenceWithoutReadableHeaders(t *testing.T) {
	b := bustest.Start(t)
	broken, a := b.BrokenConn(), proto.NewAccount()
	page := topology.PageRef{Account: a, Integration: proto.NewID()}
	for _, c := range []struct {
		role            topology.Role
		stream, subject string
		next            proto.Message
	}{
		{topology.Scheduler, topology.PostureTicks, topology.Tick(a, page.Integration), &proto.Tick{Slot: 1}},
		{topology.API, topology.PostureTicks, topology.Tick(a, proto.NewID()), &proto.Tick{Slot: 1}},
		{topology.Evaluator, topology.PostureLog, topology.Log(page), &proto.Entry{Tick: 1}},
		{topology.API, topology.BucketStream(topology.Config), topology.BucketSubject(topology.Config, topology.ConfigKey(a, topology.KindTag, proto.NewID())), &proto.Tag{Name: "x"}},
	} {
		ack, err := broken.JetStream().PublishMsg(t.Context(),
			&nats.Msg{Subject: c.subject, Data: []byte("x"), Header: nats.Header{bustest.BrokenHeader: {"x"}}})
		if err != nil {
			t.Fatal(err)
		}
		conn := b.Conn(c.role)
		m, err := conn.Last(t.Context(), c.stream, c.subject)
		if err != nil || m.Seq != ack.Sequence || !bus.IsPermanent(m.Decode(c.next)) {
			t.Errorf("%s, %s: %+v, %v, want sequence %d", c.role, c.stream, m, err, ack.Sequence)
			continue
		}
		if _, err := conn.Publish(t.Context(),
			bus.Outgoing{Subject: c.subject, Body: c.next, ExpectLast: bus.Expect(m.Seq)}); err != nil {
			t.Errorf("%s, %s: %v", c.role, c.stream, err)
		}
	}
}
