package catalog

import (
	"slices"
	"testing"

	"github.com/nats-io/nats.go"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// An unreadable application keeps its destinations and denies every request. If its destinations are unknown, the view
// reports this until the record is repaired or deleted.
func TestAnApplicationThatCannotBeRead(t *testing.T) {
	b := bustest.Start(t)
	operator, a := b.BrokenConn(), proto.NewAccount()
	good := func(id proto.ID) *proto.Application {
		return &proto.Application{ID: id, Domains: []string{"closed.lab/" + id.String()},
			Policies: []proto.PolicyLink{{Policy: proto.NewID()}}, Gate: proto.Gate{OptionsBypass: true}}
	}
	put := func(id proto.ID, m proto.Message, expect uint64) uint64 {
		t.Helper()
		revision, err := operator.Put(t.Context(), topology.Config, topology.ConfigKey(a, topology.KindApplication, id),
			m, expect)
		if err != nil {
			t.Fatal(err)
		}
		return revision
	}
	spoil := func(id proto.ID, data string, h nats.Header) uint64 {
		t.Helper()
		ack, err := operator.JetStream().PublishMsg(t.Context(), &nats.Msg{Header: h, Data: []byte(data),
			Subject: topology.BucketSubject(topology.Config, topology.ConfigKey(a, topology.KindApplication, id))})
		if err != nil {
			t.Fatal(err)
		}
		return ack.Sequence
	}
	other, err := proto.Marshal(&proto.Application{ID: proto.NewID()})
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		data   string
		header nats.Header
	}{
		"nothing": {"", nil}, "garbage": {"\xc1\xff\x00", nil}, "an empty map": {"\x80", nil}, "of another application": {string(other), nil},
		"another schema": {string(other), nats.Header{proto.HeaderSchema: {"policy.1"}}}, "a newer version": {"\x80", nats.Header{proto.HeaderSchema: {"application.99"}}},
		"headers": {string(other), nats.Header{bustest.BrokenHeader: {"x"}}}, "no deletion": {"", nats.Header{"KV-Operation": {"PUT"}}},
	}
	from := proto.NewID() // was never readable
	uncertain := spoil(from, "\xc1", nil)
	start := func(conn *bus.Conn) *Catalog {
		t.Helper()
		c := New(conn)
		go func() { _ = c.Run(t.Context()) }()
		if err := c.Await(t.Context()); err != nil {
			t.Fatal(err)
		}
		return c
	}
	reader := b.Conn(topology.Gateway)
	c := start(reader)
	key := topology.ConfigKey(a, topology.KindApplication, from)
	if got := c.Uncertain(); !slices.Equal(got, []string{key}) {
		t.Errorf("uncertain: %v", got)
	}
	for name, bad := range cases {
		id := proto.NewID()
		want := good(id)
		put(id, want, 0)
		revision := spoil(id, bad.data, bad.header)
		if err := c.AwaitRevision(t.Context(), revision); err != nil {
			t.Fatal(err)
		}
		// The view may have got the second record alone: then it was never readable.
		r, ok := c.Application(a, id)
		if !ok || !r.Unreadable || len(r.Value.Policies) != 0 || r.Value.Gate.OptionsBypass {
			t.Errorf("%s: %+v, %v", name, r.Value, ok)
		}
		again := put(id, want, revision)
		if err := c.AwaitRevision(t.Context(), again); err != nil {
			t.Fatal(err)
		}
		if r, _ := c.Application(a, id); r.Unreadable || len(r.Value.Policies) != 1 {
			t.Errorf("%s, repaired: %+v", name, r)
		}
		revision = spoil(id, bad.data, bad.header)
		if err := c.AwaitRevision(t.Context(), revision); err != nil {
			t.Fatal(err)
		}
		if r, _ := c.Application(a, id); !r.Unreadable || !slices.Equal(r.Value.Domains, want.Domains) ||
			len(r.Value.Policies) != 0 {
			t.Errorf("%s: its destinations are not kept: %+v", name, r.Value)
		}
	}
	if got := c.Uncertain(); len(got) != 1 {
		t.Errorf("a view that knows the destinations is uncertain of %v", got)
	}
	if got := start(b.Conn(topology.Gateway)).Uncertain(); len(got) != 1+len(cases) {
		t.Errorf("a view that began later is uncertain of %d, want %d", len(got), 1+len(cases))
	}
	if err := operator.Delete(t.Context(), topology.Config, key, uncertain); err != nil {
		t.Fatal(err)
	}
	bustest.Eventually(t, "nothing is uncertain", func() bool { return len(c.Uncertain()) == 0 })
	for _, u := range reader.UnreadableRecords() {
		if u.Stream != topology.BucketStream(topology.Config) || u.Now != len(cases) {
			t.Errorf("reported: %+v", u)
		}
	}
}
