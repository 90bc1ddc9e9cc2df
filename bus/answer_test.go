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

// endpoint answers on access.certs until stop is called, which waits for its end, or the test ends. It
// listens when endpoint returns.
func endpoint(t *testing.T, c *bus.Conn, e bus.Endpoint) (stop func() error) {
	t.Helper()
	listening := make(chan struct{})
	e.Subject, e.Role = topology.Certs, topology.Exchange
	e.Refuse = refuse
	e.Listening = func() { close(listening) }
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Answer(ctx, e) }()
	t.Cleanup(cancel)
	select {
	case <-listening:
	case err := <-ended:
		t.Fatalf("ended: %v", err)
	}
	return func() error { cancel(); return <-ended }
}

func refuse(err error) proto.Message {
	return &proto.CertsAnswer{Error: &proto.Error{Code: "refused", Message: err.Error()}}
}

func ask(t *testing.T, c *bus.Conn) proto.CertsAnswer {
	t.Helper()
	var answer proto.CertsAnswer
	if err := c.Request(t.Context(), topology.Certs, &proto.CertsQuery{}, &answer); err != nil {
		t.Error(err)
	}
	return answer
}

func TestAnswersEachRequestOnce(t *testing.T) {
	b := bustest.Start(t)
	asks := b.Conn(topology.Fetcher)
	var handled atomic.Int64
	for range 2 {
		stop := endpoint(t, b.Conn(topology.Exchange),
			bus.Endpoint{Workers: 4, Handle: func(_ context.Context, m *bus.Msg) proto.Message {
				var q proto.CertsQuery
				if err := m.Decode(&q); err != nil {
					return refuse(err)
				}
				handled.Add(1)
				return &proto.CertsAnswer{Certs: []byte("x")}
			}})
		defer func() {
			if err := stop(); err != nil {
				t.Error(err)
			}
		}()
	}
	var asking sync.WaitGroup
	for range 50 {
		asking.Go(func() {
			if answer := ask(t, asks); string(answer.Certs) != "x" {
				t.Errorf("%+v", answer)
			}
		})
	}
	asking.Wait()
	if n := handled.Load(); n != 50 {
		t.Errorf("50 requests were handled %d times", n)
	}
}

func TestRefusesWhatCannotWaitAndAnswersWhatWaits(t *testing.T) {
	b := bustest.Start(t)
	asks := b.Conn(topology.Fetcher)
	started, release := make(chan struct{}, 8), make(chan struct{})
	stop := endpoint(t, b.Conn(topology.Exchange),
		bus.Endpoint{Workers: 1, Queue: 1, Handle: func(context.Context, *bus.Msg) proto.Message {
			started <- struct{}{}
			<-release
			return &proto.CertsAnswer{Certs: []byte("late")}
		}})
	got := make(chan proto.CertsAnswer, 3)
	go func() { got <- ask(t, asks) }()
	<-started
	// One is worked on, one waits, the third is refused at once.
	go func() { got <- ask(t, asks) }()
	go func() { got <- ask(t, asks) }()
	if refused := <-got; refused.Error == nil || refused.Error.Message != bus.ErrOverloaded.Error() {
		t.Fatalf("%+v", refused)
	}
	ended := make(chan error)
	go func() { ended <- stop() }()
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
	endpoint(t, b.Conn(topology.Exchange), bus.Endpoint{Handle: func(context.Context, *bus.Msg) proto.Message {
		panic("oops")
	}})
	for range 2 {
		if answer := ask(t, b.Conn(topology.Fetcher)); answer.Error == nil || answer.Error.Message != "panic: oops" {
			t.Errorf("%+v", answer)
		}
	}
}

func TestAHungRequestDoesNotHoldTheEndpoint(t *testing.T) {
	b := bustest.Start(t)
	asks := b.Conn(topology.Fetcher)
	started, answered := make(chan struct{}), make(chan proto.CertsAnswer, 1)
	stop := endpoint(t, b.Conn(topology.Exchange),
		bus.Endpoint{Grace: 10 * time.Millisecond, Handle: func(ctx context.Context, _ *bus.Msg) proto.Message {
			close(started)
			<-ctx.Done()
			return refuse(context.Cause(ctx))
		}})
	go func() { answered <- ask(t, asks) }()
	<-started
	if err := stop(); err != nil {
		t.Error(err)
	}
	if answer := <-answered; answer.Error == nil {
		t.Errorf("%+v", answer)
	}
}
