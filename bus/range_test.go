package bus_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// In a stream shared by several accounts, a range returns the messages of one account, complete and in order, from any
// number of replies. The api's own permissions suffice.
func TestARangeIsWholeAndInOrder(t *testing.T) {
	b := bustest.Start(t)
	operator, api := b.Conn(topology.Operator), b.Conn(topology.API)
	mine, other := proto.NewAccount(), proto.NewAccount()
	var all []bus.Outgoing
	var want []uint64
	for n := range 700 {
		account := mine
		if n%7 == 3 {
			account = other
		} else {
			want = append(want, uint64(n+1))
		}
		all = append(all, bus.Outgoing{Subject: topology.Audit(account), Body: &proto.AuditEvent{Action: "update"}})
	}
	for _, err := range operator.PublishAll(t.Context(), all) {
		if err != nil {
			t.Fatal(err)
		}
	}
	read := func(first, last uint64, enough int) []uint64 {
		t.Helper()
		var got []uint64
		err := api.Range(t.Context(), topology.AuditLog, topology.Audit(mine), first, last, func(m *bus.Msg) error {
			if got = append(got, m.Seq); len(got) == enough {
				return bus.ErrStop
			}
			return m.Decode(new(proto.AuditEvent))
		})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := read(1, 1<<40, 0); !slices.Equal(got, want) {
		t.Errorf("the whole: %v", got)
	}
	if got := read(5, 11, 0); !slices.Equal(got, []uint64{5, 6, 7, 8, 9, 10}) {
		t.Errorf("from 5 to 11: %v", got)
	}
	if got := read(1, 700, 3); !slices.Equal(got, want[:3]) {
		t.Errorf("three: %v", got)
	}
	if got := read(701, 900, 0); got != nil {
		t.Errorf("past the end: %v", got)
	}
	if got := read(9, 8, 0); got != nil {
		t.Errorf("nothing asked for: %v", got)
	}
	wrong := errors.New("no")
	if err := api.Range(t.Context(), topology.AuditLog, topology.Audit(mine), 1, 9,
		func(*bus.Msg) error { return wrong }); !errors.Is(err, wrong) {
		t.Errorf("%v", err)
	}

	for _, c := range []struct{ first, last, want uint64 }{{1, 9, 4}, {5, 11, 11}, {5, 10, 0}, {699, 1 << 40, 0}} {
		m, err := api.First(t.Context(), topology.AuditLog, topology.Audit(other), c.first, c.last)
		if c.want == 0 && !errors.Is(err, bus.ErrNotFound) || c.want != 0 && (err != nil || m.Seq != c.want) {
			t.Errorf("the first from %d to %d: %+v, %v", c.first, c.last, m, err)
		}
	}

	m, err := api.At(t.Context(), topology.AuditLog, 4)
	if err != nil || m.Subject != topology.Audit(other) || m.Seq != 4 {
		t.Errorf("message 4: %+v, %v", m, err)
	}
	if _, err := api.At(t.Context(), topology.AuditLog, 701); !errors.Is(err, bus.ErrNotFound) {
		t.Errorf("message 701: %v", err)
	}
	if seq, err := api.FirstSince(t.Context(), topology.AuditLog, topology.Audit(other),
		m.Time.Add(-time.Hour)); err != nil || seq != 4 {
		t.Errorf("an hour ago: %d, %v", seq, err)
	}
	if seq, err := api.FirstSince(t.Context(), topology.AuditLog, topology.Audit(other),
		time.Now().Add(time.Hour)); err != nil || seq != 0 {
		t.Errorf("in an hour: %d, %v", seq, err)
	}
}

// A token's key moves: the new one is there and the old one is gone, at one moment, or nothing happened.
func TestAKeyMovesAtOnce(t *testing.T) {
	b := bustest.Start(t)
	api := b.Conn(topology.API)
	was, err := api.Put(t.Context(), topology.Tokens, "a.api.1", &proto.TokenSeen{At: 1}, 0)
	if err != nil {
		t.Fatal(err)
	}
	move := func(expect uint64) error {
		_, err := api.Commit(t.Context(), []bus.Outgoing{
			bus.PutMsg(topology.Tokens, "a.api.2", &proto.TokenSeen{At: 2}, 0),
			bus.DeleteMsg(topology.Tokens, "a.api.1", expect),
		})
		return err
	}
	if err := move(was + 1); !errors.Is(err, bus.ErrConflict) {
		t.Fatalf("of another revision: %v", err)
	}
	if _, err := api.Get(t.Context(), topology.Tokens, "a.api.2", new(proto.TokenSeen)); !errors.Is(err, bus.ErrNotFound) {
		t.Fatalf("half a move: %v", err)
	}
	if err := move(was); err != nil {
		t.Fatal(err)
	}
	if _, err := api.Get(t.Context(), topology.Tokens, "a.api.1", new(proto.TokenSeen)); !errors.Is(err, bus.ErrNotFound) {
		t.Errorf("the old key: %v", err)
	}
	var now proto.TokenSeen
	if _, err := api.Get(t.Context(), topology.Tokens, "a.api.2", &now); err != nil || now.At != 2 {
		t.Errorf("the new key: %+v, %v", now, err)
	}
}
