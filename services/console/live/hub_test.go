package live

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"plumbline.dev/bus/bustest"
	"plumbline.dev/services/console/session"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/plumb/client"
)

var (
	ann = session.Person{Name: "ann", Token: "a"}
	bob = session.Person{Name: "bob", Token: "b"}
)

// source is a source fed by the test.
type source struct {
	started, running atomic.Int64
	values           chan any
	fail             chan error
}

func newSource() *source { return &source{values: make(chan any), fail: make(chan error)} }

func (s *source) run(ctx context.Context, _ *client.Client, emit func(any)) error {
	s.started.Add(1)
	s.running.Add(1)
	defer s.running.Add(-1)
	for {
		select {
		case v := <-s.values:
			emit(v)
		case err := <-s.fail:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func newHub(t *testing.T, s *source) (*Hub, *clock.Fake) {
	c := clock.NewFake(time.Unix(0, 0))
	h := New(slog.New(slog.DiscardHandler), c, map[string]Source{"x": s.run})
	t.Cleanup(h.Close)
	return h, c
}

func subscribe(t *testing.T, h *Hub, p session.Person) *Subscription {
	t.Helper()
	sub, err := h.Subscribe("x", p, nil)
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

func TestTabsOfAPersonShareAStream(t *testing.T) {
	s := newSource()
	h, _ := newHub(t, s)
	var tabs []*Subscription
	for range 10 {
		tabs = append(tabs, subscribe(t, h, ann))
	}
	s.values <- 1
	for _, tab := range tabs {
		if e := <-tab.Events(); e.Value != 1 || e.Kind != "x" {
			t.Errorf("%+v", e)
		}
	}
	if n := s.started.Load(); n != 1 {
		t.Errorf("%d streams for ten tabs", n)
	}
	subscribe(t, h, bob)
	bustest.Eventually(t, "another person has their own stream", func() bool { return s.running.Load() == 2 })
}

func TestASlowTabIsDroppedAndTheOthersGoOn(t *testing.T) {
	s := newSource()
	h, _ := newHub(t, s)
	slow, quick := subscribe(t, h, ann), subscribe(t, h, ann)
	for i := range backlog + 1 {
		s.values <- i
		if e := <-quick.Events(); e.Value != i {
			t.Fatalf("%+v", e)
		}
	}
	n := 0
	for range slow.Events() {
		n++
	}
	if n != backlog || slow.Err() != nil {
		t.Errorf("%d events, %v", n, slow.Err())
	}
	if _, open := h.Open(); open != 1 {
		t.Errorf("%d subscriptions", open)
	}
	slow.Close() // again
	quick.Close()
}

func TestAStreamStopsAWhileAfterItsLastTab(t *testing.T) {
	s := newSource()
	h, c := newHub(t, s)
	subscribe(t, h, ann).Close()
	again := subscribe(t, h, ann)
	bustest.Eventually(t, "the stream runs", func() bool { return s.running.Load() == 1 })
	c.Advance(linger)
	s.values <- 1 // it still runs, for the returning tab
	<-again.Events()
	again.Close()
	bustest.Eventually(t, "the stream stops", func() bool { c.Advance(linger); return s.running.Load() == 0 })
	if n := s.started.Load(); n != 1 {
		t.Errorf("%d streams", n)
	}
	subscribe(t, h, ann)
	bustest.Eventually(t, "the next tab starts it again", func() bool { return s.started.Load() == 2 })
}

func TestAFailedStreamStartsAgain(t *testing.T) {
	s := newSource()
	h, c := newHub(t, s)
	sub := subscribe(t, h, ann)
	s.values <- Back{} // nothing was missed
	s.fail <- errors.New("the control plane is away")
	bustest.Eventually(t, "it starts again", func() bool { c.Advance(longestWait); return s.started.Load() == 2 })
	s.fail <- errors.New("the control plane is still away")
	bustest.Eventually(t, "it starts again", func() bool { c.Advance(longestWait); return s.started.Load() == 3 })
	late := subscribe(t, h, ann)
	s.values <- Back{}
	s.values <- 1
	for name, sub := range map[string]*Subscription{"early": sub, "late": late} {
		for _, want := range []any{Away{}, Back{}, 1} {
			if e, ok := <-sub.Events(); !ok || e.Value != want {
				t.Errorf("%s: %#v, want %#v", name, e, want)
			}
		}
	}
	s.fail <- &client.Error{Status: http.StatusUnauthorized}
	for e := range sub.Events() {
		t.Errorf("event %#v", e)
	}
	if e, ok := errors.AsType[*client.Error](sub.Err()); !ok || e.Status != http.StatusUnauthorized {
		t.Error(sub.Err())
	}
}

func TestSubscriptionsAreBounded(t *testing.T) {
	h, _ := newHub(t, newSource())
	for range maxOfPerson {
		subscribe(t, h, ann)
	}
	if _, err := h.Subscribe("x", ann, nil); !errors.Is(err, ErrBusy) {
		t.Error(err)
	}
	subscribe(t, h, bob)
	if _, err := h.Subscribe("y", ann, nil); err == nil || errors.Is(err, ErrBusy) {
		t.Error(err)
	}
	h.Close()
	if _, err := h.Subscribe("x", bob, nil); !errors.Is(err, ErrBusy) {
		t.Error("a subscription after the end")
	}
}
