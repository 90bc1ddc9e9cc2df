package evaluator_test

import (
	"testing"

	"github.com/nats-io/nats.go"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// A page is deleted after a failed poll. Its entry is closed, and a poll that was under way makes no other. When the
// page is there again, so are its results.
func TestTheEntryOfADeletedPageIsClosed(t *testing.T) {
	f := newFixture(t, topology.Options{})
	d, c := proto.NewID(), proto.NewID()
	f.check(c, ">=", 50, 0)
	revision := f.page(0, d)
	f.evaluators(2)
	failed := &proto.Input{Cause: proto.CausePoll, Tick: 1, PageRevision: revision,
		Poll: proto.Poll{Attempts: 1, Error: proto.ReasonTimeout}}
	f.send(0, failed)
	f.until(0, "the failed poll is evaluated", func(e *proto.Entry) bool { return e.Poll.Error == proto.ReasonTimeout })

	key := topology.PageKey(f.account, 0)
	if err := f.registry.Delete(t.Context(), topology.Devices, key, revision); err != nil {
		t.Fatal(err)
	}
	f.until(0, "the entry is closed", func(e *proto.Entry) bool { return e.Closed && len(e.Results) == 0 })
	failed.Tick = 2
	f.send(0, failed)
	f.settled()
	if e := f.newest(topology.PostureLog, 0); !e.Closed {
		t.Errorf("a poll of a deleted page: %+v", e)
	}

	delete(f.revisions, key)
	revision = f.page(0, d)
	f.poll(0, 3, revision, map[proto.ID]int{d: 80})
	f.until(0, "the page has results again", is(map[proto.ID]string{d: "pass score"}))
}

// Somebody wrote garbage as entries of pages that do not exist, and deleted some of it from the log. The state still
// has it. An evaluator that starts closes the entries, and gives a page that exists its results.
func TestUnreadableEntriesAreClosed(t *testing.T) {
	f := newFixture(t, topology.Options{})
	d, c := proto.NewID(), proto.NewID()
	f.check(c, ">=", 50, 0)
	f.page(0, d)
	garbage := map[topology.PageNumber]*nats.Msg{
		0: {Data: []byte("garbage")}, 7: {Data: []byte("garbage")}, 8: {},
		9: {Data: []byte("\xc1"), Header: nats.Header{proto.HeaderSchema: {"entry.1"}, proto.HeaderSummary: {"?"}}},
	}
	log, err := f.operator.JetStream().Stream(t.Context(), topology.PostureLog)
	if err != nil {
		t.Fatal(err)
	}
	for n, m := range garbage {
		m.Subject = topology.Log(f.ref(n))
		ack, err := f.operator.JetStream().PublishMsg(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		bustest.Eventually(t, "the state has the garbage", func() bool {
			_, err := f.reader.Last(t.Context(), topology.PostureState, m.Subject)
			return err == nil
		})
		if n == 7 {
			if err := log.DeleteMsg(t.Context(), ack.Sequence); err != nil {
				t.Fatal(err)
			}
		}
	}
	f.evaluators(1)
	for n := range garbage {
		bustest.Eventually(t, "the entry is replaced", func() bool {
			m, err := f.reader.Last(t.Context(), topology.PostureState, topology.Log(f.ref(n)))
			e := new(proto.Entry)
			return err == nil && m.Decode(e) == nil && e.Closed == (n != 0) && (len(e.Results) == 1) == (n == 0)
		})
	}
}
