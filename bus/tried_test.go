package bus_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/stage"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// The mechanisms behind the design, each on a real server, and once on three replicas.
var tried = []struct {
	name string
	run  func(t *testing.T, b *bustest.Bus)
}{
	{"a second tick for the same predecessor is refused", secondTickIsRefused},
	{"a page's next batch is refused while the first is unacknowledged", secondBatchIsRefused},
	{"of racing commits one wins and nothing of the others is stored", oneCommitWins},
	{"pages and cursor are committed together or not at all", staleCursorIsRefused},
	{"the state outlives the log", stateOutlivesLog},
	{"what a batch holds is stored next to each other", batchIsContiguous},
}

func TestTriedOnOneServer(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	for _, m := range tried {
		t.Run(m.name, func(t *testing.T) { m.run(t, b) })
	}
}

func TestTriedOnThreeReplicas(t *testing.T) {
	t.Parallel()
	b := bustest.Cluster(t)
	for _, m := range tried {
		t.Run(m.name, func(t *testing.T) { m.run(t, b) })
	}
}

// newest returns the newest message of a subject once the replica has an acceptable one.
func newest(t *testing.T, c *bus.Conn, stream, subject string, ok func(*bus.Msg) bool) (m *bus.Msg) {
	t.Helper()
	bustest.Eventually(t, "a replica has the newest of "+subject, func() bool {
		var err error
		m, err = c.Last(t.Context(), stream, subject)
		if err != nil && !errors.Is(err, bus.ErrNotFound) {
			t.Fatal(err)
		}
		return err == nil && ok(m)
	})
	return m
}

func secondTickIsRefused(t *testing.T, b *bustest.Bus) {
	c, p := b.Conn(topology.Scheduler), bustest.NewPage()
	subject := topology.Tick(p.Account, p.Integration)
	tick := bus.Outgoing{Subject: subject, Body: &proto.Tick{Slot: 1}, ExpectLast: bus.Expect(0)}
	first, err := c.Publish(t.Context(), tick)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Publish(t.Context(), tick); !errors.Is(err, bus.ErrConflict) {
		t.Fatalf("the same tick again: %v", err)
	}
	tick.ExpectLast = bus.Expect(first.Seq)
	if _, err := c.Publish(t.Context(), tick); err != nil {
		t.Fatalf("the next tick: %v", err)
	}
	var last proto.Tick
	m := newest(t, c, topology.PostureTicks, subject, func(m *bus.Msg) bool { return m.Seq > first.Seq })
	if err := m.Decode(&last); err != nil || last.Slot != 1 || m.Seq <= first.Seq {
		t.Fatalf("newest tick %+v at %d, %v", last, m.Seq, err)
	}
}

func secondBatchIsRefused(t *testing.T, b *bustest.Bus) {
	c, p := b.Conn(topology.Fetcher), bustest.NewPage()
	d := topology.FetchConsumer(p.Account, p.Integration, 4)
	if _, err := c.JetStream().CreateOrUpdateConsumer(t.Context(), d.Stream, d.Config); err != nil {
		t.Fatal(err)
	}
	send := func(id string) error {
		_, err := c.Publish(t.Context(),
			bus.Outgoing{Subject: topology.Batch(p), Body: &proto.Batch{Tick: 1}, MsgID: id + p.Account.String()})
		return err
	}
	if err := send("1:0"); err != nil {
		t.Fatal(err)
	}
	if err := send("2:0"); !errors.Is(err, bus.ErrOccupied) {
		t.Fatalf("a batch behind a queued one: %v", err)
	}
	if err := send("1:0"); err != nil {
		t.Fatalf("the same batch of a planner that died: %v", err)
	}
	working, finish := make(chan struct{}), make(chan struct{})
	var once sync.Once
	stop := bustest.Run(t, func(ctx context.Context) error {
		return stage.Consume(ctx, c, stage.Stage{Name: "fetch", Stream: d.Stream, Consumer: d.Config.Durable},
			func(context.Context, *bus.Msg) error {
				once.Do(func() { close(working) })
				<-finish
				return nil
			})
	})
	<-working
	if err := send("3:0"); !errors.Is(err, bus.ErrOccupied) {
		t.Fatalf("a batch behind one in flight: %v", err)
	}
	close(finish)
	bustest.Eventually(t, "a batch is taken after the acknowledgement", func() bool { return send("4:0") == nil })
	stop()
}

func entryAndChanges(p topology.PageRef, last uint64, mark uint64) []bus.Outgoing {
	check := proto.NewID()
	return []bus.Outgoing{
		{Subject: topology.Log(p), Body: &proto.Entry{Tick: mark}, ExpectLast: bus.Expect(last)},
		bus.ChangeMsg(&proto.Change{Account: p.Account, Check: check, Outcome: proto.OutcomePass, Page: uint32(p.Page),
			Index: 1, Tick: mark}),
		bus.ChangeMsg(&proto.Change{Account: p.Account, Check: check, Outcome: proto.OutcomeFail, Page: uint32(p.Page),
			Index: 2, Tick: mark}),
	}
}

func oneCommitWins(t *testing.T, b *bustest.Bus) {
	p, last := bustest.NewPage(), uint64(0)
	for round := range 5 {
		var winners atomic.Int32
		var first atomic.Uint64
		var racers sync.WaitGroup
		for i := range 4 {
			c := b.Conn(topology.Evaluator)
			racers.Go(func() {
				seq, err := c.Commit(t.Context(), entryAndChanges(p, last, uint64(round*10+i)))
				switch {
				case err == nil:
					winners.Add(1)
					first.Store(seq)
				case !errors.Is(err, bus.ErrConflict):
					t.Errorf("a loser got %v", err)
				}
			})
		}
		racers.Wait()
		if winners.Load() != 1 {
			t.Fatalf("round %d: %d commits won", round, winners.Load())
		}
		last = first.Load()
	}
	subjects, err := b.Conn(topology.Evaluator).Subjects(t.Context(), topology.PostureLog, topology.ChangesOf(p.Account))
	if err != nil || len(subjects) != 10 {
		t.Fatalf("%d change subjects after five commits of two, %v", len(subjects), err)
	}
}

func staleCursorIsRefused(t *testing.T, b *bustest.Bus) {
	c, a := b.Conn(topology.Registry), proto.NewAccount()
	var cursor proto.Cursor
	revision, err := c.Get(t.Context(), topology.Devices, topology.CursorKey, &cursor)
	if err != nil && !errors.Is(err, bus.ErrNotFound) {
		t.Fatal(err)
	}
	batch := func(n topology.PageNumber, pages int, expect uint64) []bus.Outgoing {
		out := []bus.Outgoing{bus.PutMsg(topology.Devices, topology.CursorKey, &proto.Cursor{Seq: expect + 1}, expect)}
		for i := range pages {
			out = append(out, bus.PutMsg(topology.Devices, topology.PageKey(a, n+topology.PageNumber(i)), &proto.Page{}, 0))
		}
		return out
	}
	if _, err := c.Commit(t.Context(), batch(0, topology.MaxBatch-1, revision)); err != nil {
		t.Fatalf("the largest batch: %v", err)
	}
	if _, err := c.Commit(t.Context(), batch(5000, 3, revision)); !errors.Is(err, bus.ErrConflict) {
		t.Fatalf("a registry with an old cursor: %v", err)
	}
	if _, err := c.Get(t.Context(), topology.Devices, topology.PageKey(a, 5000), new(proto.Page)); !errors.Is(err,
		bus.ErrNotFound) {
		t.Fatalf("a page of the refused batch: %v", err)
	}
	if _, err := c.Commit(t.Context(), batch(9000, topology.MaxBatch, revision)); err == nil {
		t.Fatal("a batch over the limit was taken")
	}
}

func stateOutlivesLog(t *testing.T, b *bustest.Bus) {
	c, operator, p := b.Conn(topology.Evaluator), b.Conn(topology.Operator), bustest.NewPage()
	first, err := c.Commit(t.Context(), entryAndChanges(p, 0, 77))
	if err != nil {
		t.Fatal(err)
	}
	anything := func(*bus.Msg) bool { return true }
	newest(t, c, topology.PostureState, topology.Log(p), anything)
	s, err := operator.JetStream().Stream(t.Context(), topology.PostureLog)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Purge(t.Context(), jetstream.WithPurgeSubject(topology.Log(p))); err != nil {
		t.Fatal(err)
	}
	bustest.Eventually(t, "the log has lost the entry", func() bool {
		_, err := c.Last(t.Context(), topology.PostureLog, topology.Log(p))
		return errors.Is(err, bus.ErrNotFound)
	})
	m := newest(t, c, topology.PostureState, topology.Log(p), anything)
	var e proto.Entry
	if err := m.Decode(&e); err != nil || e.Tick != 77 {
		t.Fatalf("the state is %+v, %v", e, err)
	}
	if from, err := bus.LogSequence(m); err != nil || from != first {
		t.Fatalf("the state's entry says it was at %d in the log, it was at %d (%v)", from, first, err)
	}
	// With nothing in the log, the page's next entry expects nothing, and the fence holds again after it.
	if _, err := c.Commit(t.Context(), entryAndChanges(p, 0, 78)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Commit(t.Context(), entryAndChanges(p, 0, 79)); !errors.Is(err, bus.ErrConflict) {
		t.Fatalf("a second first entry: %v", err)
	}
}

func batchIsContiguous(t *testing.T, b *bustest.Bus) {
	var writers sync.WaitGroup
	type span struct {
		p     topology.PageRef
		first uint64
	}
	spans := make(chan span, 100)
	for range 4 {
		c := b.Conn(topology.Evaluator)
		writers.Go(func() {
			for range 20 {
				p := bustest.NewPage()
				first, err := c.Commit(t.Context(), entryAndChanges(p, 0, 1))
				if err != nil {
					t.Error(err)
					return
				}
				spans <- span{p, first}
			}
		})
	}
	writers.Wait()
	close(spans)
	s, err := b.Conn(topology.Operator).JetStream().Stream(t.Context(), topology.PostureLog)
	if err != nil {
		t.Fatal(err)
	}
	for sp := range spans {
		for i := range uint64(3) {
			var m *jetstream.RawStreamMsg
			bustest.Eventually(t, "the replica that answers has the message", func() bool {
				if m, err = s.GetMsg(t.Context(), sp.first+i); err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
					t.Fatal(err)
				}
				return err == nil
			})
			if topology.AccountOf(m.Subject) != sp.p.Account {
				t.Fatalf("message %d after the entry at %d is of another batch: %s", i, sp.first, m.Subject)
			}
		}
	}
}

func TestCommitWaitsForRoom(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	var writers sync.WaitGroup
	for range 8 { // eight services of 20 open batches each: three times the server's limit
		c := b.Conn(topology.Evaluator)
		for range 20 {
			writers.Go(func() {
				var err error
				for range 5 { // a busy machine may answer later than a commit waits, which is no lack of room
					_, err = c.Commit(t.Context(), entryAndChanges(bustest.NewPage(), 0, 1))
					if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, bus.ErrBusy) {
						break
					}
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
	}
	writers.Wait()
}

func TestPermissionsHold(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	p := bustest.NewPage()
	var all sync.WaitGroup
	defer all.Wait()
	for _, c := range []struct {
		role    topology.Role
		subject string
		body    proto.Message
	}{
		{topology.Scheduler, topology.Log(p), &proto.Entry{}},
		{topology.Fetcher, topology.Log(p), &proto.Entry{}},
		{topology.API, topology.Log(p), &proto.Entry{}},
		{topology.Follower, topology.Log(p), &proto.Entry{}},
		{topology.Follower, topology.Tick(p.Account, p.Integration), &proto.Tick{}},
		{topology.Evaluator, topology.BucketSubject(topology.Config, topology.ConfigKey(p.Account, topology.KindCheck, p.Integration)), &proto.Check{}},
		{topology.API, topology.BucketSubject(topology.EntryKeys, topology.EntryKeyKey(1)), &proto.EntryKey{}},
		{topology.Scheduler, topology.BucketSubject(topology.Keys, topology.SigningKeyKey(1)), &proto.SigningKey{}},
	} {
		conn := b.Conn(c.role)
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			if ack, err := conn.Publish(ctx, bus.Outgoing{Subject: c.subject, Body: c.body}); err == nil {
				t.Errorf("%s wrote %s, stored as %d", c.role, c.subject, ack.Seq)
			}
		})
	}
	for _, role := range []topology.Role{topology.Scheduler, topology.Fetcher, topology.Exchange, topology.Gateway,
		topology.API, topology.Follower} {
		conn := b.Conn(role)
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			_, err := conn.Get(ctx, topology.EntryKeys, topology.EntryKeyKey(1), new(proto.EntryKey))
			if err == nil || errors.Is(err, bus.ErrNotFound) {
				t.Errorf("%s may read the keys of entries: %v", role, err)
			}
		})
	}
	for _, role := range []topology.Role{topology.Scheduler, topology.Fetcher, topology.Evaluator, topology.API,
		topology.Follower} {
		conn := b.Conn(role)
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			_, err := conn.Get(ctx, topology.Keys, topology.SigningKeyKey(1), new(proto.SigningKey))
			if err == nil || errors.Is(err, bus.ErrNotFound) {
				t.Errorf("%s may read signing keys: %v", role, err)
			}
		})
	}
}

// A client that may write to any subject of a stream can add to another client's open batch and commit it if it knows
// the batch's id. Headers of stored messages reveal past ids, from which the next one must not follow.
func TestNoBatchIDFollowsFromOthers(t *testing.T) {
	b := bustest.Start(t)
	api, operator := b.Conn(topology.API), b.Conn(topology.Operator)
	var ids []string
	for i := range 2 {
		subject := fmt.Sprintf("$KV.TOKENS.x.api.%d", i)
		_, err := api.Commit(t.Context(), []bus.Outgoing{
			{Subject: fmt.Sprintf("outbox.TOKENS.x.%d", i)}, {Subject: subject},
		})
		if err != nil {
			t.Fatal(err)
		}
		stream, err := operator.JetStream().Stream(t.Context(), topology.BucketStream(topology.Tokens))
		if err != nil {
			t.Fatal(err)
		}
		stored, err := stream.GetLastMsgForSubject(t.Context(), subject)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, stored.Header.Get("Nats-Batch-Id"))
	}
	const shared = 8 // characters at the start; random ids do not share them, and those of a counter do
	if len(ids[0]) < 20 || len(ids[1]) < 20 || ids[0][:shared] == ids[1][:shared] {
		t.Errorf("the ids of two batches are %q", ids)
	}
}
