package evaluator

import (
	"context"
	"errors"
	"slices"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
)

// group commits entries of several pages in one atomic batch: requests that arrive during a batch form the next one. A
// server without replicas keeps each batch in files of its own until it is committed. The files cost more than a page's
// messages: a third of the total with a batch for each page.
//
// Each entry keeps its own expectation. If one of them fails, nothing of the batch is stored, and each page is
// committed by itself.
type group struct {
	conn     *bus.Conn
	requests chan *request
}

// request is one page's entry and changes.
type request struct {
	msgs   []bus.Outgoing
	answer chan answer
}

type answer struct {
	seq uint64
	err error
}

// groupPages bounds the pages of a batch; its messages are bounded by [topology.MaxBatch].
const groupPages = 32

func newGroup(conn *bus.Conn) *group {
	return &group{conn: conn, requests: make(chan *request, maxWorkers)}
}

// commit stores messages of one page together or not at all, as [bus.Conn.Commit] does. It needs
// [group.run].
func (g *group) commit(ctx context.Context, msgs []bus.Outgoing) (uint64, error) {
	if len(msgs) == 1 {
		return g.conn.Commit(ctx, msgs) // no batch at all
	}
	r := &request{msgs: msgs, answer: make(chan answer, 1)}
	select {
	case g.requests <- r:
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	select {
	case a := <-r.answer:
		return a.seq, a.err
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// run commits requests, a batch at a time, until ctx ends.
func (g *group) run(ctx context.Context) error {
	var next *request
	for {
		if next == nil {
			select {
			case next = <-g.requests:
			case <-ctx.Done():
				return nil
			}
		}
		var batch []*request
		batch, next = g.gather(next)
		// A sent batch is completed: its pages wait for the answer.
		g.store(context.WithoutCancel(ctx), batch)
	}
}

// gather returns a batch of one request and all waiting requests that fit; held is the first one that did not.
func (g *group) gather(first *request) (batch []*request, held *request) {
	batch = []*request{first}
	size := len(first.msgs)
	for len(batch) < groupPages {
		select {
		case r := <-g.requests:
			if size += len(r.msgs); size > topology.MaxBatch || slices.ContainsFunc(batch, r.samePage) {
				return batch, r
			}
			batch = append(batch, r)
		default:
			return batch, nil
		}
	}
	return batch, nil
}

// samePage reports whether two entries belong to one page: they cannot both be next.
func (r *request) samePage(o *request) bool { return r.msgs[0].Subject == o.msgs[0].Subject }

func (g *group) store(ctx context.Context, batch []*request) {
	var msgs []bus.Outgoing
	for _, r := range batch {
		msgs = append(msgs, r.msgs...)
	}
	first, err := g.conn.Commit(ctx, msgs)
	alone := errors.Is(err, bus.ErrConflict) && len(batch) > 1
	for _, r := range batch {
		a := answer{first, err}
		if alone {
			a.seq, a.err = g.conn.Commit(ctx, r.msgs)
		}
		r.answer <- a
		first += uint64(len(r.msgs))
	}
}
