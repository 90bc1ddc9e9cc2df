package keys

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// An unreadable record of KEYS stops no replica: known and readable keys stay in use. The keys rotate only after the
// rotation record is readable again, or by command.
func TestKeysStayInUseWhateverIsWritten(t *testing.T) {
	w := newFixture(t, bustest.Start(t))
	r := w.start()
	w.settled(r)
	w.clock.Advance(time.Hour)
	w.settled(r)
	if a := w.command(r, &proto.KeysCommand{Rotate: true}); a.Error != nil {
		t.Fatal(a.Error)
	}
	w.settled(r) // key 1 is accepted, key 2 signs, key 3 is next
	token, err := r.sign(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	operator := w.bus.BrokenConn()
	spoil := func(key string, data string, h nats.Header) {
		t.Helper()
		ack, err := operator.JetStream().PublishMsg(t.Context(),
			&nats.Msg{Subject: topology.BucketSubject(topology.Keys, key), Data: []byte(data), Header: h})
		if err != nil {
			t.Fatal(err)
		}
		bustest.Eventually(t, "it is seen", func() bool { return r.state.Load().revision >= ack.Sequence })
	}
	works := func(r *delayedSet, what string, anew bool) {
		t.Helper()
		signed, err := r.sign(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		tokens := []string{signed}
		if !anew {
			tokens = append(tokens, token)
		}
		for _, token := range tokens {
			if err := verify(t.Context(), r, token); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
	rotation := w.rotation()
	for _, c := range []struct {
		name, data string
		header     nats.Header
	}{
		{"nothing", "", nil}, {"garbage", "\xc1\xff", nil}, {"another schema", "\x80", nats.Header{proto.HeaderSchema: {"page.1"}}},
		{"headers", "", nats.Header{bustest.BrokenHeader: {"x"}}}, {"a newer version", "\x80", nats.Header{proto.HeaderSchema: {"keyrotation.99"}}},
		{"an empty map", "\x80", nats.Header{proto.HeaderSchema: {"signingkey.1"}}},
	} {
		for _, key := range []string{"signing.2", "signing.3", "signing.x", "elsewhere.1", topology.RotationKey} {
			spoil(key, c.data, c.header)
			works(r, c.name+" in "+key, false)
		}
		again := w.start()
		if _, err := again.Await(t.Context()); err != nil {
			t.Fatal(err)
		}
		works(again, c.name+", started anew", true) // the record of the key that signed is gone
		again.stop()
	}
	w.clock.Advance(Lead)
	works(r, "later", false)
	// Writing the record repairs it.
	if _, err := operator.Put(t.Context(), topology.Keys, topology.RotationKey, rotation,
		r.state.Load().rotationRevision); err != nil {
		t.Fatal(err)
	}
	bustest.Eventually(t, "it is read", func() bool { return r.state.Load().obscure == nil })
	works(r, "mended", false)
	for _, u := range r.conn.UnreadableRecords() {
		if u.Stream != topology.BucketStream(topology.Keys) || u.Now != 4 {
			t.Errorf("%+v", u)
		}
	}
}
