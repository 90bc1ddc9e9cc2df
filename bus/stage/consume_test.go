package stage_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/stage"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Invariant 9: a message that fails permanently ends in the dead letters with its reason, and a message for a newer
// reader blocks no other.
func TestConsume(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	p := bustest.NewPage()
	sender, c := b.Conn(topology.Fetcher), b.Conn(topology.Evaluator)
	send := func(page topology.PageNumber, mark uint64) {
		t.Helper()
		p.Page = page
		if _, err := sender.Publish(t.Context(),
			bus.Outgoing{Subject: topology.Scores(p), Body: &proto.Input{Tick: mark}}); err != nil {
			t.Fatal(err)
		}
	}
	send(0, 1) // handled
	send(1, 2) // permanent
	send(2, 3) // fails once
	send(3, 4) // panics always
	if _, err := sender.Publish(t.Context(),
		bus.Outgoing{Subject: topology.Scores(topology.PageRef{Account: p.Account, Page: 4}),
			Body: &proto.Batch{Tick: 5}}); err != nil { // of another schema
		t.Fatal(err)
	}
	p.Page = 5
	newer, err := proto.Marshal(&proto.Input{Tick: 6})
	if err != nil {
		t.Fatal(err)
	}
	m := &bus.Outgoing{Subject: topology.Scores(p), Body: &proto.Input{}}
	if err := publishRaw(t, sender, m.Subject, "input.2", newer); err != nil {
		t.Fatal(err)
	}

	var mu sync.Mutex
	seen := map[uint64]int{}
	var buried []string
	stop := bustest.Run(t, func(ctx context.Context) error {
		return stage.Consume(ctx, c, stage.Stage{Name: "evaluate", Stream: topology.PostureScores,
			Consumer: topology.ConsumerEvaluate,
			Workers:  3, Attempts: 2, Bury: func(_ context.Context, m *bus.Msg, why error) error {
				mu.Lock()
				defer mu.Unlock()
				buried = append(buried, why.Error())
				return nil
			}}, func(_ context.Context, m *bus.Msg) error {
			var in proto.Input
			if err := m.Decode(&in); err != nil {
				return err
			}
			mu.Lock()
			seen[in.Tick]++
			n := seen[in.Tick]
			mu.Unlock()
			switch {
			case in.Tick == 2:
				return bus.Permanent(errors.New("never"))
			case in.Tick == 3 && n == 1:
				return errors.New("not now")
			case in.Tick == 4:
				panic("poison")
			}
			return nil
		})
	})
	info := func() (pending uint64, unacked int) {
		cons, err := c.JetStream().Consumer(t.Context(), topology.PostureScores, topology.ConsumerEvaluate)
		if err != nil {
			t.Fatal(err)
		}
		return cons.CachedInfo().NumPending, cons.CachedInfo().NumAckPending
	}
	bustest.Eventually(t, "only the newer message is left", func() bool {
		pending, unacked := info()
		mu.Lock()
		defer mu.Unlock()
		return pending == 0 && unacked == 1 && len(buried) == 3 && seen[3] == 2
	})
	stop()
	if seen[1] != 1 || seen[2] != 1 || seen[4] != 2 || seen[6] != 0 {
		t.Errorf("deliveries by mark: %v", seen)
	}
	letter, err := b.Conn(topology.Operator).Last(t.Context(), topology.PostureDead, topology.Dead("evaluate", p.Account))
	if err != nil {
		t.Fatal(err)
	}
	var dead proto.DeadLetter
	if err := letter.Decode(&dead); err != nil || dead.Reason == "" || len(dead.Data) == 0 ||
		dead.Stream != topology.PostureScores {
		t.Errorf("dead letter %+v, %v", dead, err)
	}
}

func TestSlowHandlerKeepsItsMessage(t *testing.T) {
	t.Parallel()
	const wait = 2 * time.Second
	b := bustest.Start(t)
	c, p := b.ConnWith(0, topology.Fetcher, bustest.AckWait(wait/10)), bustest.NewPage()
	d := topology.FetchConsumer(p.Account, p.Integration, 4)
	d.Config.AckWait = wait // ten times the stage's own period, for a slow machine
	if _, err := c.JetStream().CreateOrUpdateConsumer(t.Context(), d.Stream, d.Config); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Publish(t.Context(),
		bus.Outgoing{Subject: topology.Batch(p), Body: &proto.Batch{Tick: 1}}); err != nil {
		t.Fatal(err)
	}
	var calls atomic.Int32
	stop := bustest.Run(t, func(ctx context.Context) error {
		return stage.Consume(ctx, c, stage.Stage{Name: "fetch", Stream: d.Stream, Consumer: d.Config.Durable, Workers: 2},
			func(context.Context, *bus.Msg) error {
				calls.Add(1)
				<-time.After(wait + wait/2)
				return nil
			})
	})
	bustest.Eventually(t, "the batch is acknowledged", func() bool {
		left, err := c.Subjects(t.Context(), topology.PostureBatches, topology.Batch(p))
		if err != nil {
			t.Fatal(err)
		}
		return len(left) == 0
	})
	stop()
	if n := calls.Load(); n != 1 {
		t.Errorf("a handler slower than AckWait was called %d times", n)
	}
}

// publishRaw stores a body under a schema not written by this build.
func publishRaw(t *testing.T, c *bus.Conn, subject, schema string, body []byte) error {
	t.Helper()
	m := nats.NewMsg(subject)
	m.Header.Set(proto.HeaderSchema, schema)
	m.Data = body
	_, err := c.JetStream().PublishMsg(t.Context(), m)
	return err
}
