package bus_test

import (
	"fmt"
	"testing"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// A server that is cut off from the others keeps its clients: it answers pings, and reads from its own replicas. A
// client that only writes and one that only reads go on at another server, while the first is still cut off.
func TestClientsLeaveAServerThatIsCutOff(t *testing.T) {
	n := bustest.StartNetwork(t)
	account := proto.NewAccount()
	cutOff := func(c *bus.Conn) (server int) {
		t.Helper()
		if _, err := fmt.Sscanf(c.NATS().ConnectedServerName(), "n%d", &server); err != nil {
			t.Fatal(err)
		}
		n.Partition(server)
		return server
	}
	write := func(c *bus.Conn, id proto.ID) error {
		_, err := c.Publish(t.Context(), bus.Outgoing{Subject: topology.Tick(account, id), Body: &proto.Tick{}})
		return err
	}

	scheduler, id := n.Dial(topology.Scheduler), proto.NewID()
	if err := write(scheduler, id); err != nil {
		t.Fatal(err)
	}
	server := cutOff(scheduler)
	bustest.Eventually(t, "a tick is published though a server is cut off", func() bool {
		return write(scheduler, id) == nil
	})
	if now := scheduler.NATS().ConnectedServerName(); now == fmt.Sprint("n", server) {
		t.Errorf("published by %s, which is cut off", now)
	}
	n.Heal()

	exchange := n.Dial(topology.Exchange)
	var got taken
	run(t, &bus.Tail{Conn: exchange, Stream: topology.BucketStream(topology.Keys), Apply: got.apply,
		Filters: []string{topology.BucketSubject(topology.Keys, ">")}})
	writer := n.Dial(topology.Operator)
	put := func() (seq uint64) {
		t.Helper()
		bustest.Eventually(t, "a record is written", func() (ok bool) {
			ack, err := writer.JetStream().Publish(t.Context(), topology.BucketSubject(topology.Keys, topology.RotationKey), nil)
			if err == nil {
				seq = ack.Sequence
			}
			return err == nil
		})
		return seq
	}
	first := put()
	bustest.Eventually(t, "the record is read", func() bool { return got.last() >= first })
	for exchange.NATS().ConnectedServerName() == writer.NATS().ConnectedServerName() {
		if err := writer.NATS().ForceReconnect(); err != nil {
			t.Fatal(err)
		}
		bustest.Eventually(t, "the writer is connected", writer.NATS().IsConnected)
	}
	cutOff(exchange)
	second := put()
	bustest.Eventually(t, "the next record is read though a server is cut off", func() bool {
		return got.last() >= second
	})
	n.Heal()
}
