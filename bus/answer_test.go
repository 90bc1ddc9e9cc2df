package bus_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

func refuse(err error) proto.Message {
	return &proto.CertsAnswer{Error: &proto.Error{Code: "refused", Message: err.Error()}}
}

// askUntilAnswered waits for the endpoint to listen.
func askUntilAnswered(t *testing.T, c *bus.Conn) proto.CertsAnswer {
	t.Helper()
	var answer proto.CertsAnswer
	bustest.Eventually(t, "an answer", func() bool {
		answer = proto.CertsAnswer{}
		return c.Request(t.Context(), topology.Certs, &proto.CertsQuery{}, &answer) == nil
	})
	return answer
}

func TestAnswersEachRequestOnce(t *testing.T) {
	b := bustest.Start(t)
	asks := b.Conn(topology.Fetcher)
	var handled atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	for range 2 {
		answers := b.Conn(topology.Exchange)
		ended.Go(func() {
			err := answers.Answer(ctx, bus.Endpoint{Subject: topology.Certs, Role: topology.Exchange, Workers: 4, Refuse: refuse,
				Handle: func(_ context.Context, m *bus.Msg) proto.Message {
					var q proto.CertsQuery
					if err := m.Decode(&q); err != nil {
						return refuse(err)
					}
					handled.Add(1)
					return &proto.CertsAnswer{Certs: []byte("x")}
				}})
			if err != nil {
				t.Error(err)
			}
		})
	}
	askUntilAnswered(t, asks)
	before := handled.Load()
	var asking sync.WaitGroup
	for range 50 {
		asking.Go(func() {
			var answer proto.CertsAnswer
			if err := asks.Request(t.Context(), topology.Certs, &proto.CertsQuery{}, &answer); err != nil || string(answer.Certs) != "x" {
				t.Errorf("%+v, %v", answer, err)
			}
		})
	}
	asking.Wait()
	if n := handled.Load() - before; n != 50 {
		t.Errorf("50 requests were handled %d times", n)
	}
	cancel()
	ended.Wait()
}

func TestRefusesWhatCannotWaitAndAnswersWhatWaits(t *testing.T) {
	b := bustest.Start(t)
	asks, answers := b.Conn(topology.Fetcher), b.Conn(topology.Exchange)
	started, release := make(chan struct{}, 8), make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- answers.Answer(ctx, bus.Endpoint{Subject: topology.Certs, Role: topology.Exchange, Workers: 1, Queue: 1, Refuse: refuse,
			Handle: func(context.Context, *bus.Msg) proto.Message {
				started <- struct{}{}
				<-release
				return &proto.CertsAnswer{Certs: []byte("late")}
			}})
	}()
	got := make(chan proto.CertsAnswer, 3)
	ask := func() {
		var answer proto.CertsAnswer
		for {
			err := asks.Request(t.Context(), topology.Certs, &proto.CertsQuery{}, &answer)
			if err == nil {
				got <- answer
				return
			}
			if t.Context().Err() != nil {
				return
			}
		}
	}
	go ask()
	<-started
	// One is worked on, one waits, the third is refused at once.
	go ask()
	go ask()
	refused := <-got
	if refused.Error == nil || refused.Error.Message != bus.ErrOverloaded.Error() {
		t.Fatalf("%+v", refused)
	}
	cancel()
	close(release)
	for range 2 {
		if answer := <-got; string(answer.Certs) != "late" {
			t.Errorf("%+v", answer)
		}
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestAPanicIsAnswered(t *testing.T) {
	b := bustest.Start(t)
	asks, answers := b.Conn(topology.Fetcher), b.Conn(topology.Exchange)
	go answers.Answer(t.Context(), bus.Endpoint{Subject: topology.Certs, Role: topology.Exchange, Refuse: refuse,
		Handle: func(context.Context, *bus.Msg) proto.Message { panic("oops") }})
	if answer := askUntilAnswered(t, asks); answer.Error == nil || answer.Error.Message != "panic: oops" {
		t.Errorf("%+v", answer)
	}
}

func TestAHungRequestDoesNotHoldTheEndpoint(t *testing.T) {
	b := bustest.Start(t)
	asks, answers := b.Conn(topology.Fetcher), b.Conn(topology.Exchange)
	ctx, cancel := context.WithCancel(t.Context())
	started, ended := make(chan struct{}), make(chan error, 1)
	var once sync.Once
	go func() {
		ended <- answers.Answer(ctx, bus.Endpoint{Subject: topology.Certs, Role: topology.Exchange, Refuse: refuse, Grace: 10 * time.Millisecond,
			Handle: func(ctx context.Context, _ *bus.Msg) proto.Message {
				once.Do(func() { close(started) })
				<-ctx.Done()
				return refuse(context.Cause(ctx))
			}})
	}()
	go func() {
		for t.Context().Err() == nil {
			var answer proto.CertsAnswer
			if err := asks.Request(t.Context(), topology.Certs, &proto.CertsQuery{}, &answer); err == nil {
				return
			}
		}
	}()
	<-started
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Error("still answering")
	}
}
