package bus_test

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/stage"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

var (
	partitionRounds = flag.Int("partition-rounds", 2, "how often TestEverythingGoesOnAfterAPartition takes a server away")
	partitionWithin = flag.Duration("partition-within", time.Minute, "how soon everything has to be complete again")
)

// received holds the messages of a reader.
type received struct {
	mu   sync.Mutex
	all  map[uint64]bool
	upTo uint64
}

func (r *received) add(seq uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil {
		r.all = map[uint64]bool{}
	}
	r.all[seq] = true
}

// addAll adds everything up to a sequence.
func (r *received) addAll(upTo uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.upTo = upTo
}

// missing counts the messages of a list not received.
func (r *received) missing(of []uint64) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, seq := range of {
		if seq > r.upTo && !r.all[seq] {
			n++
		}
	}
	return n
}

// source is a source of messages, and its readers.
type source struct {
	stream  string
	message func() bus.Outgoing
	readers map[string]*received
	stored  []uint64
}

// write stores a message, however long it takes while ctx lasts.
func (s *source) write(ctx context.Context, t *testing.T, conn *bus.Conn) {
	t.Helper()
	o := s.message()
	o.MsgID = proto.NewID().String()
	bustest.EventuallyWhile(ctx, t, "a message of "+s.stream+" is stored", func() bool {
		ack, err := conn.Publish(ctx, o)
		if err == nil {
			s.stored = append(s.stored, ack.Seq)
		}
		return err == nil
	})
}

// A server is cut off or hangs, for ten seconds, and comes back: nothing that reads the bus stops for good. It is
// in turn the leader of a work queue, of the log and of the configuration.
func TestEverythingGoesOnAfterAPartition(t *testing.T) {
	t.Parallel()
	n := bustest.StartNetwork(t)
	account := proto.NewAccount()
	sources := []*source{
		{stream: topology.PostureScores, readers: map[string]*received{"stage": {}},
			message: func() bus.Outgoing {
				return bus.Outgoing{Subject: topology.Scores(bustest.NewPage()), Body: &proto.Change{}}
			}},
		{stream: topology.PostureLog, readers: map[string]*received{"follower": {}, "named follower": {}, "view": {}},
			message: func() bus.Outgoing {
				return bus.ChangeMsg(&proto.Change{Account: account, Check: proto.NewID(), Outcome: proto.OutcomePass,
					Page: 1, Index: 1 << 20, Devices: []proto.ChangedDevice{{Device: proto.NewID()}}})
			}},
		{stream: topology.BucketStream(topology.Config), readers: map[string]*received{"audit relay": {}},
			message: func() bus.Outgoing {
				return bus.Outgoing{Subject: topology.Outbox(topology.Config, account, proto.NewID()), Body: &proto.AuditOutbox{}}
			}},
	}
	// It ends as soon as one of the runs ends, and nothing waits any longer.
	ctx, stop := context.WithCancelCause(t.Context())
	running := map[string]chan error{}
	defer func() {
		stop(errors.New("the test is over"))
		patience := time.After(time.Minute)
		for name, end := range running {
			select {
			case err := <-end:
				if err != nil {
					t.Errorf("%s ended with %v", name, err)
				}
			case <-patience:
				t.Fatalf("%s, or another one of them, does not end", name)
			}
		}
	}()
	conns := map[string]*bus.Conn{}
	run := func(name string, role topology.Role, do func(*bus.Conn) error) {
		c, end := n.Dial(role), make(chan error, 1)
		conns[name], running[name] = c, end
		go func() {
			err := do(c)
			if err == nil && ctx.Err() == nil {
				err = errors.New("no error")
			}
			stop(fmt.Errorf("%s ended with %w", name, err))
			end <- err
		}()
	}
	run("stage", topology.Evaluator, func(c *bus.Conn) error {
		return stage.Consume(ctx, c, stage.Stage{Name: "evaluate", Stream: topology.PostureScores,
			Consumer: topology.ConsumerEvaluate, Workers: 8},
			func(_ context.Context, m *bus.Msg) error { sources[0].readers["stage"].add(m.Seq); return nil })
	})
	var states atomic.Int64
	for _, name := range []string{"follower", "named follower"} {
		f := bus.Following{Account: account}
		if name == "named follower" {
			f.Name = string(topology.Follower)
		}
		run(name, topology.Follower, func(c *bus.Conn) error {
			return c.Follow(ctx, f, func(_ context.Context, e bus.Event) error {
				switch e.Kind {
				case bus.EventReady:
					// A new state holds the changes up to it.
					sources[1].readers[name].addAll(e.Seq)
					states.Add(1)
				case bus.EventChange:
					sources[1].readers[name].add(e.Seq)
				}
				return nil
			})
		})
	}
	run("view", topology.Gateway, func(c *bus.Conn) error {
		tail := bus.Tail{Conn: c, Stream: topology.PostureLog, Filters: []string{topology.AllChanges},
			Apply: func(m *bus.Msg) error { sources[1].readers["view"].add(m.Seq); return nil }}
		return tail.Run(ctx)
	})
	run("audit relay", topology.API, func(c *bus.Conn) error {
		return stage.Consume(ctx, c, stage.Stage{Name: "audit", Stream: topology.BucketStream(topology.Config),
			Consumer: topology.ConsumerAudit},
			func(_ context.Context, m *bus.Msg) error { sources[2].readers["audit relay"].add(m.Seq); return nil })
	})
	bustest.EventuallyWhile(ctx, t, "the followers are ready", func() bool { return states.Load() >= 2 })
	defer func() { t.Logf("%d further states were taken", states.Load()-2) }()
	lacks := ""
	defer func() { t.Logf("at last: %s", cmp.Or(lacks, "nothing is lacking")) }()
	var writers [3]*bus.Conn
	for i := range writers {
		writers[i] = n.ConnTo(i, topology.Operator)
	}
	complete := func() (lacks string) {
		for _, s := range sources {
			for name, r := range s.readers {
				if k := r.missing(s.stored); k > 0 {
					lacks += fmt.Sprintf("%s lacks %d of %d; ", name, k, len(s.stored))
				}
			}
		}
		return lacks
	}
	// Each copy is followed before the first fault: a server asks for the messages of a copy again after 30 s only.
	for _, s := range sources {
		s.write(ctx, t, writers[0])
	}
	bustest.EventuallyWhile(ctx, t, "everything is complete", func() bool { lacks = complete(); return lacks == "" })
	for round := range *partitionRounds {
		victim := n.Leader(sources[round%len(sources)].stream)
		what, fault := "partition", n.Partition
		if round%2 == 1 {
			what, fault = "vanish", n.Vanish
		}
		writer := writers[(victim+1)%len(writers)] // with the majority
		fault(victim)
		// Something is written every second while the server is away.
		pace := time.NewTicker(time.Second)
		for range 10 {
			<-pace.C
			for _, s := range sources {
				s.write(ctx, t, writer)
			}
		}
		pace.Stop()
		n.Heal()
		healed := time.Now()
		for _, s := range sources {
			s.write(ctx, t, writer)
		}
		bustest.EventuallyWhile(ctx, t, "everything is complete", func() bool { lacks = complete(); return lacks == "" })
		took := time.Since(healed)
		t.Logf("round %d: %s of n%d, complete again after %v", round, what, victim, took.Round(10*time.Millisecond))
		if took > *partitionWithin {
			t.Errorf("round %d: complete again after %v, want at most %v", round, took, *partitionWithin)
		}
		bustest.EventuallyWhile(ctx, t, "everyone is ready", func() bool {
			for _, c := range conns {
				if c.Ready(t.Context()) != nil {
					return false
				}
			}
			return true
		})
	}
	for name, c := range conns {
		t.Logf("%s: %+v", name, c.Monitors())
	}
}
