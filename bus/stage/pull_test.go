package stage_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/stage"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// relay stands between a stage and the consumer of scores: a test decides what becomes of each request.
type relay struct {
	t        *testing.T
	requests chan *nats.Msg
	nc       *nats.Conn
}

func newRelay(t *testing.T, conn *bus.Conn) *relay {
	t.Helper()
	r := &relay{t: t, requests: make(chan *nats.Msg, 100), nc: conn.NATS()}
	if _, err := r.nc.Subscribe("$JS.API.CONSUMER.MSG.NEXT.RELAY.evaluate",
		func(m *nats.Msg) { r.requests <- m }); err != nil {
		t.Fatal(err)
	}
	if err := r.nc.Flush(); err != nil {
		t.Fatal(err)
	}
	return r
}

// pass gives a request to the consumer.
func (r *relay) pass(request *nats.Msg) {
	err := r.nc.PublishRequest("$JS.API.CONSUMER.MSG.NEXT."+topology.PostureScores+"."+topology.ConsumerEvaluate,
		request.Reply, request.Data)
	if err != nil {
		r.t.Error(err)
	}
}

func (r *relay) answer(request *nats.Msg, status string) {
	m := nats.NewMsg(request.Reply)
	m.Header.Set("Status", status)
	if err := r.nc.PublishMsg(m); err != nil {
		r.t.Error(err)
	}
}

// consume runs a stage on the relay.
func (r *relay) consume(conn *bus.Conn, h stage.Handler) (stop func()) {
	return bustest.Run(r.t, func(ctx context.Context) error {
		return stage.Consume(ctx, conn, stage.Stage{Name: "relayed", Stream: "RELAY", Consumer: topology.ConsumerEvaluate}, h)
	})
}

func scores(t *testing.T, conn *bus.Conn, n int) {
	t.Helper()
	for range n {
		if _, err := conn.Publish(t.Context(),
			bus.Outgoing{Subject: topology.Scores(bustest.NewPage()), Body: &proto.Change{}}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAStageAsksAgain(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	for name, answer := range map[string]func(*relay, *nats.Msg){
		"the request is lost":           func(*relay, *nats.Msg) {},
		"there is nothing":              func(r *relay, m *nats.Msg) { r.answer(m, "404") },
		"the request expired":           func(r *relay, m *nats.Msg) { r.answer(m, "408") },
		"the consumer has a new leader": func(r *relay, m *nats.Msg) { r.answer(m, "409") },
		"the consumer has no leader":    func(r *relay, m *nats.Msg) { r.answer(m, "503") },
		"a status without a number":     func(r *relay, m *nats.Msg) { r.answer(m, "?") },
	} {
		t.Run(name, func(t *testing.T) {
			lost, conn := uint64(0), b.Conn(topology.Operator)
			if name == "the request is lost" {
				lost, conn = 1, b.ConnWith(0, topology.Operator, bustest.PullsExpire(500*time.Millisecond, 500*time.Millisecond))
			}
			defer conn.Close()
			r := newRelay(t, conn)
			handled := make(chan int)
			defer r.consume(conn, func(_ context.Context, m *bus.Msg) error { handled <- m.Delivered; return nil })()
			answer(r, <-r.requests)
			scores(t, conn, 1)
			r.pass(<-r.requests)
			if n := <-handled; n != 1 {
				t.Errorf("the message was delivered %d times", n)
			}
			if got := conn.Monitors(); len(got) != 1 || got[0].Name != "relayed" || got[0].Lost != lost {
				t.Errorf("counted %+v, want %d lost requests", got, lost)
			}
		})
	}
}

func TestAMessageThatNobodyWaitsForIsHandedBack(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	conn := b.Conn(topology.Operator)
	r := newRelay(t, conn)
	scores(t, conn, 2)
	settled, err := conn.NATS().SubscribeSync("$JS.ACK." + topology.PostureScores + "." + topology.ConsumerEvaluate + ".>")
	if err != nil {
		t.Fatal(err)
	}
	type got struct {
		seq       uint64
		delivered int
	}
	handled, finish := make(chan got), make(chan bool)
	defer r.consume(conn, func(_ context.Context, m *bus.Msg) error {
		handled <- got{m.Seq, m.Delivered}
		<-finish
		return nil
	})()
	request := <-r.requests
	r.pass(request)
	if g := <-handled; g != (got{1, 1}) {
		t.Fatalf("handled %+v first", g)
	}
	r.pass(request) // as one that was thought lost, and came late
	if m, err := settled.NextMsgWithContext(t.Context()); err != nil || string(m.Data) != "-NAK" {
		t.Fatalf("settled with %v, %v", m, err)
	}
	finish <- true
	r.pass(<-r.requests)
	if g := <-handled; g != (got{2, 2}) {
		t.Fatalf("handled %+v second, want sequence 2 in its second delivery", g)
	}
	finish <- true
}

// A stage that ends keeps no messages: another stage receives them at once.
func TestAStageThatEndsHoldsNoMessage(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	conn := b.Conn(topology.Operator)
	short := stage.Stage{Name: "short", Stream: topology.PostureScores, Consumer: topology.ConsumerEvaluate, Workers: 8}
	for range 20 {
		scores(t, conn, 4)
		ctx, cancel := context.WithCancel(t.Context())
		end := func(context.Context, *bus.Msg) error { cancel(); return nil }
		if err := stage.Consume(ctx, conn, short, end); err != nil {
			t.Fatal(err)
		}
		held, err := conn.JetStream().Consumer(t.Context(), short.Stream, short.Consumer)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stage.Discard(t.Context(), conn, short.Stream, short.Consumer); err != nil {
			t.Fatal(err)
		}
		bustest.Eventually(t, "every message is free", func() bool {
			_, discardErr := stage.Discard(t.Context(), conn, short.Stream, short.Consumer)
			info, err := held.Info(t.Context())
			if err != nil || discardErr != nil {
				t.Fatal(err, discardErr)
			}
			return info.NumAckPending == 0 && info.NumPending == 0
		})
	}
}

// Closing a connection ends its stages, which could receive nothing more.
func TestAClosedConnectionEndsItsStages(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	for name, run := range map[string]func(*bus.Conn) error{
		"stage": func(c *bus.Conn) error {
			return stage.Consume(t.Context(), c,
				stage.Stage{Name: "ended", Stream: topology.PostureScores, Consumer: topology.ConsumerEvaluate, Workers: 3},
				func(context.Context, *bus.Msg) error { return nil })
		},
		"follower": func(c *bus.Conn) error {
			return c.Follow(t.Context(), bus.Following{}, func(_ context.Context, e bus.Event) error {
				if e.Kind == bus.EventReady {
					go c.Close()
				}
				return nil
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := b.Conn(topology.Operator)
			ended := make(chan error, 1)
			go func() { ended <- run(conn) }()
			if name == "stage" {
				conn.Close()
			}
			if err := <-ended; !errors.Is(err, nats.ErrConnectionClosed) {
				t.Errorf("ended with %v", err)
			}
		})
	}
}
