package staleness_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/services/gateway/staleness"
	"plumbline.dev/services/internal/clock"
)

// stream is a stream of numbered messages; some of them concern the view.
type stream struct {
	mu      sync.Mutex
	away    bool
	created time.Time
	last    uint64
	ours    map[uint64]bool
	seen    uint64
	stall   bool // the view gets nothing
	flow    bool // something new of ours comes whenever somebody asks
	asked   int
	starts  []time.Time
}

func newStream() *stream { return &stream{created: time.Unix(1, 0), ours: map[uint64]bool{}} }

var errAway = errors.New("nobody answers")

func (s *stream) Position(context.Context, string) (bus.Position, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		return bus.Position{}, errAway
	}
	s.asked++
	return bus.Position{Last: s.last, Created: s.created}, nil
}

func (s *stream) NextAfter(_ context.Context, _, _ string, after uint64) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		return 0, errAway
	}
	if s.flow {
		s.deliver()
		s.last++
		s.ours[s.last] = true
	}
	for seq := after + 1; seq <= s.last; seq++ {
		if s.ours[seq] {
			return seq, nil
		}
	}
	return 0, nil
}

// deliver sends the view its missing messages.
func (s *stream) deliver() {
	for seq := range s.ours {
		s.seen = max(s.seen, seq)
	}
}

func (s *stream) write(ours bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	s.ours[s.last] = ours
	if !ours {
		delete(s.ours, s.last)
	}
	if !s.stall {
		s.deliver()
	}
}

func (s *stream) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// counted returns the number of requests, and of restarts of the view.
func (s *stream) counted() (asked, starts int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked, len(s.starts)
}

func (s *stream) started() int {
	_, starts := s.counted()
	return starts
}

func (s *stream) view(restart bool) staleness.View {
	v := staleness.View{Name: "things", Stream: "THINGS", Filter: "ours", Seen: func() uint64 {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.seen
	}}
	if restart {
		v.Restart = func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.starts = append(s.starts, time.Now())
		}
	}
	return v
}

// run returns a guard over one stream, with the time of a bubble.
func run(t *testing.T, limit time.Duration, s *stream, restart bool) (*staleness.Guard, <-chan error) {
	h := staleness.New(limit, clock.System, bustest.Log(t), staleness.OfStream(s, clock.System, s.view(restart)))
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	go func() { ended <- h.Run(ctx) }()
	return h, ended
}

func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func fresh(t *testing.T, h *staleness.Guard, want bool, what string) {
	t.Helper()
	if got := h.Fresh(time.Now()); got != want {
		t.Errorf("%s: fresh is %t", what, got)
	}
	if err := h.Ready(t.Context()); (err == nil) != want {
		t.Errorf("%s: ready says %v", what, err)
	}
}

func TestGoesOnForTheLimitAndRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream()
		s.away = true
		h, _ := run(t, 5*time.Minute, s, false)
		fresh(t, h, false, "before anything is known")
		pass(time.Hour)
		fresh(t, h, false, "nothing was ever known")
		if err := h.Err(); err == nil || !strings.Contains(err.Error(), "things is not known yet: nobody answers") {
			t.Error(err)
		}
		if _, ok := h.Age(time.Now()); ok {
			t.Error("an age of what was never known")
		}
		s.set(func() { s.away = false })
		pass(time.Second)
		fresh(t, h, true, "at first")
		if err := h.Err(); err != nil {
			t.Error(err)
		}
		pass(10 * time.Minute)
		fresh(t, h, true, "long after")

		s.set(func() { s.away = true })
		pass(4*time.Minute + 58*time.Second)
		fresh(t, h, true, "within the limit")
		if age, ok := h.Age(time.Now()); !ok || age < 298*time.Second || age > 300*time.Second {
			t.Errorf("age %v", age)
		}
		if err := h.Err(); err == nil || !strings.HasPrefix(err.Error(), "things is not confirmed for ") ||
			!strings.HasSuffix(err.Error(), ": nobody answers") {
			t.Error(err)
		}
		pass(3 * time.Second)
		fresh(t, h, false, "beyond the limit")
		s.set(func() { s.away = false })
		pass(time.Second)
		fresh(t, h, true, "when it is back")
	})
}

// A filtered view never sees messages of others; this does not make it stale.
func TestWhatDoesNotConcernAViewDoesNotHoldIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream()
		h, _ := run(t, 10*time.Second, s, false)
		for range 600 {
			s.write(false)
			pass(100 * time.Millisecond)
			s.write(true)
			s.write(false)
		}
		fresh(t, h, true, "while others write")
		if age, _ := h.Age(time.Now()); age > 2*time.Second {
			t.Errorf("age %v", age)
		}
	})
}

// A view with a constant flow of new messages is confirmed too.
func TestAStreamThatNeverRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream()
		s.flow = true
		s.write(true)
		h, _ := run(t, 10*time.Second, s, true)
		pass(time.Minute)
		fresh(t, h, true, "while it flows")
		if s.started() > 0 {
			t.Error("it was started again")
		}
	})
}

func TestAWatchThatDiedIsStartedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream()
		h, ended := run(t, 5*time.Second, s, true)
		s.write(true)
		pass(time.Minute)
		s.set(func() { s.stall = true })
		pass(time.Minute)
		fresh(t, h, true, "nothing is lacking")
		if s.started() > 0 {
			t.Error("a silent view was started again")
		}
		s.write(true)
		pass(4 * time.Second)
		if n := s.started(); n != 1 {
			t.Errorf("started again %d times", n)
		}
		pass(4 * time.Second)
		fresh(t, h, false, "when it lacks something for longer than the limit")
		s.set(func() { s.stall = false; s.deliver() })
		pass(2 * time.Second)
		fresh(t, h, true, "when it has it")
		select {
		case err := <-ended:
			t.Errorf("it ended: %v", err)
		default:
		}
	})
}

func TestAViewBeyondRepairEndsTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream()
		_, ended := run(t, 5*time.Minute, s, true)
		s.set(func() { s.stall = true })
		s.write(true)
		begun := time.Now()
		err := <-ended
		var broken staleness.Broken
		if !errors.As(err, &broken) || !strings.Contains(err.Error(), "things: stream THINGS") {
			t.Error(err)
		}
		if d := time.Since(begun); d < 55*time.Second || d > 70*time.Second {
			t.Errorf("after %v", d)
		}
		if n := s.started(); n < 3 || n > 6 {
			t.Errorf("it was started again %d times", n)
		}
	})
}

// While the leader is unreachable, the view is not restarted.
func TestAnOutageIsNotTheViewsFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream()
		h, ended := run(t, 5*time.Minute, s, true)
		s.set(func() { s.stall = true })
		s.write(true)
		pass(1500 * time.Millisecond)
		s.set(func() { s.away = true })
		pass(10 * time.Minute)
		s.set(func() { s.away = false })
		pass(1500 * time.Millisecond)
		if n := s.started(); n > 0 {
			t.Errorf("started again %d times", n)
		}
		s.set(func() { s.stall = false; s.deliver() })
		pass(2 * time.Second)
		fresh(t, h, true, "afterwards")
		select {
		case err := <-ended:
			t.Errorf("it ended: %v", err)
		default:
		}
	})
}

// A stream restored from a backup or created anew continues with sequences that the watch does not expect.
func TestAStreamThatWasReplaced(t *testing.T) {
	for _, replace := range []func(*stream){
		func(s *stream) { s.last-- },
		func(s *stream) { s.created = s.created.Add(time.Second) },
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newStream()
			h, ended := run(t, 5*time.Second, s, true)
			for range 3 {
				s.write(true)
			}
			pass(2 * time.Second)
			s.set(func() { replace(s) })
			pass(10 * time.Second)
			fresh(t, h, false, "with another stream")
			var broken staleness.Broken
			if err := <-ended; !errors.As(err, &broken) || !strings.Contains(err.Error(), "recreated or restored") {
				t.Error(err)
			}
		})
	}
	// A leader lagging for a moment does not count as a restored stream.
	synctest.Test(t, func(t *testing.T) {
		s := newStream()
		h, ended := run(t, 5*time.Second, s, true)
		s.write(true)
		s.write(true)
		pass(2 * time.Second)
		for range 10 {
			s.set(func() { s.last-- })
			pass(20 * time.Second)
			s.set(func() { s.last++ })
			pass(2 * time.Second)
			fresh(t, h, true, "when the leader has caught up")
		}
		select {
		case err := <-ended:
			t.Errorf("it ended: %v", err)
		default:
		}
	})
}

// The oldest part determines the age, and a blocked part does not block the others.
func TestTheOldestPartCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newStream(), newStream()
		hangs := &hanging{}
		h := staleness.New(time.Minute, clock.System, bustest.Log(t), staleness.OfStream(a, clock.System, a.view(false)),
			staleness.OfStream(b, clock.System, b.view(false)), hangs)
		go h.Run(t.Context())
		pass(2 * time.Second)
		fresh(t, h, true, "all are there")
		hangs.set(true)
		pass(30 * time.Second)
		if asked, _ := a.counted(); asked < 29 {
			t.Errorf("one that hangs holds up another: %d", asked)
		}
		if age, _ := h.Age(time.Now()); age < 29*time.Second {
			t.Errorf("age %v", age)
		}
		pass(35 * time.Second)
		fresh(t, h, false, "one of three is old")
		hangs.set(false)
		pass(5 * time.Second)
		fresh(t, h, true, "again")
	})
}

type hanging struct {
	mu   sync.Mutex
	hang bool
}

func (p *hanging) set(hang bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hang = hang
}

func (p *hanging) Name() string { return "hanging" }

func (p *hanging) Confirm(ctx context.Context) (time.Time, error) {
	p.mu.Lock()
	hang := p.hang
	p.mu.Unlock()
	if hang {
		<-ctx.Done()
		return time.Time{}, ctx.Err()
	}
	return time.Now(), nil
}

func TestRestartable(t *testing.T) {
	started := make(chan context.Context, 8)
	fail := make(chan error)
	run, restart := staleness.Restartable(func(ctx context.Context) error {
		started <- ctx
		select {
		case <-ctx.Done():
			return nil
		case err := <-fail:
			return err
		}
	})
	restart() // before it runs: nothing to restart
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	first := <-started
	restart()
	restart()
	second := <-started
	if first.Err() == nil || second.Err() != nil {
		t.Error("the wrong one ended")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	go func() { ended <- run(t.Context()) }()
	<-started
	want := errors.New("its own")
	fail <- want
	if err := <-ended; !errors.Is(err, want) {
		t.Error(err)
	}
}
