package evaluator

import (
	"context"
	"errors"
	"testing"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

func entryOf(account proto.Account, n topology.PageNumber, expect uint64, changes int) *request {
	p := topology.PageRef{Account: account, Page: n}
	r := &request{answer: make(chan answer, 1), msgs: []bus.Outgoing{
		{Subject: topology.Log(p), Body: &proto.Entry{}, ExpectLast: bus.Expect(expect)}}}
	for i := range changes {
		r.msgs = append(r.msgs, bus.Outgoing{Subject: topology.Change(account, proto.NewID(), proto.OutcomePass, n),
			Body: &proto.Change{Index: i + 1}})
	}
	return r
}

func TestPagesOfABatch(t *testing.T) {
	account := proto.NewAccount()
	g := newGroup(nil)
	send := func(r *request) *request { g.requests <- r; return r }
	first := entryOf(account, 0, 0, 1)
	send(entryOf(account, 1, 0, 1))
	again := send(entryOf(account, 0, 0, 1)) // a second entry of a page waits for the next batch
	send(entryOf(account, 2, 0, 1))
	batch, held := g.gather(first)
	if len(batch) != 2 || held != again {
		t.Errorf("%d pages, held %v", len(batch), held)
	}
	if batch, held = g.gather(held); len(batch) != 2 || held != nil {
		t.Errorf("%d pages, held %v", len(batch), held)
	}
	send(entryOf(account, 1, 0, 400))
	big := send(entryOf(account, 2, 0, 400))
	if batch, held = g.gather(entryOf(account, 0, 0, 400)); len(batch) != 2 || held != big {
		t.Errorf("%d pages, held %v", len(batch), held)
	}
	for n := range topology.PageNumber(groupPages) {
		send(entryOf(account, n+1, 0, 1))
	}
	if batch, held = g.gather(entryOf(account, 0, 0, 1)); len(batch) != groupPages || held != nil {
		t.Errorf("%d pages, held %v", len(batch), held)
	}
}

func TestAPageThatIsRefusedTakesNoOtherWithIt(t *testing.T) {
	b := bustest.Start(t)
	conn, account := b.Conn(topology.Evaluator), proto.NewAccount()
	g := newGroup(conn)
	batch := []*request{entryOf(account, 0, 0, 2), entryOf(account, 1, 7, 2), entryOf(account, 2, 0, 2)}
	g.store(t.Context(), batch)
	for i, r := range batch {
		a := <-r.answer
		if refused := errors.Is(a.err, bus.ErrConflict); refused != (i == 1) || (!refused && a.err != nil) {
			t.Errorf("page %d: %v", i, a.err)
		}
		m, err := conn.Last(t.Context(), topology.PostureLog, r.msgs[0].Subject)
		if i != 1 && (err != nil || m.Seq != a.seq) {
			t.Errorf("page %d is at %v, %v, said to be at %d", i, m, err, a.seq)
		}
	}
	batch = []*request{entryOf(account, 3, 0, 2), entryOf(account, 4, 0, 1)}
	g.store(t.Context(), batch)
	first, second := <-batch[0].answer, <-batch[1].answer
	if first.err != nil || second.err != nil || second.seq != first.seq+3 {
		t.Errorf("%+v, %+v", first, second)
	}
	m, err := conn.Last(t.Context(), topology.PostureLog, batch[1].msgs[0].Subject)
	if err != nil || m.Seq != second.seq {
		t.Errorf("%v, %v, want it at %d", m, err, second.seq)
	}
}

func TestACommitEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newGroup(nil).commit(ctx, entryOf(proto.NewAccount(), 0, 0, 1).msgs); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
