package follow_test

import (
	"context"
	"errors"
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// followUntil folds events until the results equal want, and returns the position.
func followUntil(t *testing.T, c *bus.Conn, f bus.Following, r *bus.Results,
	w *bustest.LogWriter) (kinds map[bus.EventKind]int, at uint64) {
	t.Helper()
	kinds = map[bus.EventKind]int{}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	enough := errors.New("enough")
	want := w.Want()
	err := c.Follow(ctx, f, func(_ context.Context, e bus.Event) error {
		r.Apply(e)
		kinds[e.Kind]++
		if e.Kind == bus.EventReady || e.Kind == bus.EventChange {
			at = e.Seq
			if maps.Equal(want, maps.Collect(r.All())) {
				return enough
			}
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Fatalf("Follow ended with %v, events %v; results (-want +got):\n%s", err, kinds,
			cmp.Diff(want, maps.Collect(r.All())))
	}
	return kinds, at
}

// followOneChange follows until the state and one change are handled, and returns the position.
func followOneChange(t *testing.T, c *bus.Conn, f bus.Following, r *bus.Results, w *bustest.LogWriter) (at uint64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stop := errors.New("stop before this one")
	err := c.Follow(ctx, f, func(_ context.Context, e bus.Event) error {
		if at > 0 {
			return stop
		}
		r.Apply(e)
		switch e.Kind {
		case bus.EventReady:
			for range 5 {
				w.Commit()
			}
		case bus.EventChange:
			at = e.Seq
		}
		return nil
	})
	if !errors.Is(err, stop) {
		t.Fatalf("Follow ended with %v", err)
	}
	return at
}

func TestFollowGivesStateThenChanges(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	w, c := b.LogWriter(), b.Conn(topology.Follower)
	for range 30 {
		w.Commit()
	}
	bustest.Eventually(t, "the state is up to date", w.Settled)
	var r bus.Results
	kinds, at := followUntil(t, c, bus.Following{Account: w.Account}, &r, w)
	if kinds[bus.EventReset] != 1 || kinds[bus.EventState] != len(w.Last) {
		t.Errorf("first events %v", kinds)
	}
	// Invariant 4, from that position, step by step.
	for range 10 {
		for range 5 {
			w.Commit()
		}
		kinds, at = followUntil(t, c, bus.Following{Account: w.Account, After: at}, &r, w)
		if kinds[bus.EventReset] != 0 || kinds[bus.EventState] != 0 {
			t.Errorf("going on took a new state: %v", kinds)
		}
	}
}

// A position between two changes of one entry loses neither: each change is seen once, wherever the
// follower stops.
func TestFollowGoesOnBetweenTheChangesOfOneEntry(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]bus.Following{"named": {Name: string(topology.Follower)}, "by position": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := bustest.Start(t)
			w, c := b.LogWriter(), b.Conn(topology.Follower)
			f.Account = w.Account
			stop := errors.New("stop")
			var seen []uint64
			next := func(n int) {
				t.Helper()
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				var at uint64
				err := c.Follow(ctx, f, func(_ context.Context, e bus.Event) error {
					switch {
					case e.Kind == bus.EventReady && n == 0:
						w.Commit()
						n = 1
					case e.Kind == bus.EventChange && n == 0:
						return stop
					case e.Kind == bus.EventChange:
						seen, at, n = append(seen, e.Seq), e.Seq, n-1
					}
					return nil
				})
				if !errors.Is(err, stop) {
					t.Fatalf("Follow ended with %v after %v", err, seen)
				}
				if f.Name == "" {
					f.After = at
				}
			}
			next(0)
			for range 8 {
				w.Commit()
			}
			var want []uint64
			s, err := b.Conn(topology.Operator).JetStream().Stream(t.Context(), topology.PostureLog)
			if err != nil {
				t.Fatal(err)
			}
			for seq := uint64(1); seq <= s.CachedInfo().State.LastSeq; seq++ {
				m, err := s.GetMsg(t.Context(), seq)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := topology.ParseChange(m.Subject); err == nil {
					want = append(want, seq)
				}
			}
			for len(seen) < len(want)-1 {
				next(1)
			}
			if diff := cmp.Diff(want[:len(seen)], seen); diff != "" {
				t.Errorf("changes seen (-want +got):\n%s", diff)
			}
		})
	}
}

// Followers leave no consumers behind but the named one.
func TestFollowersLeaveNoConsumers(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	w, c := b.LogWriter(), b.Conn(topology.Follower)
	w.Commit()
	bustest.Eventually(t, "the state is up to date", w.Settled)
	var r bus.Results
	followOneChange(t, c, bus.Following{Account: w.Account}, &r, w)
	js := b.Conn(topology.Operator).JetStream()
	bustest.Eventually(t, "no consumer is left", func() bool {
		for _, name := range []string{topology.PostureLog, topology.PostureState} {
			s, err := js.Stream(t.Context(), name)
			if err != nil || s.CachedInfo().State.Consumers != 0 {
				return false
			}
		}
		return true
	})
}

func TestFollowWhileWritersWrite(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	w, c := b.LogWriter(), b.Conn(topology.Follower)
	for range 20 {
		w.Commit()
	}
	var r bus.Results
	got := make(chan map[bus.ResultKey]proto.Outcome, 1)
	stop := bustest.Run(t, func(ctx context.Context) error {
		return c.Follow(ctx, bus.Following{Account: w.Account}, func(_ context.Context, e bus.Event) error {
			r.Apply(e)
			select {
			case <-got:
			default:
			}
			got <- maps.Collect(r.All())
			return nil
		})
	})
	for range 300 {
		w.Commit()
	}
	want := w.Want()
	bustest.Eventually(t, "the follower has what was written", func() bool {
		select {
		case now := <-got:
			return maps.Equal(now, want)
		default:
			return false
		}
	})
	stop()
}

func TestNamedFollowerGoesOn(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	w, c := b.LogWriter(), b.Conn(topology.Follower)
	f := bus.Following{Account: w.Account, Name: string(topology.Follower)}
	for range 10 {
		w.Commit()
	}
	bustest.Eventually(t, "the state is up to date", w.Settled)
	var r bus.Results
	followOneChange(t, c, f, &r, w)
	for range 10 {
		w.Commit()
	}
	kinds, _ := followUntil(t, c, f, &r, w)
	if kinds[bus.EventReset] != 0 {
		t.Errorf("the second run did not go on: %v", kinds)
	}
	if kinds[bus.EventChange] == 0 {
		t.Error("the second run saw no change")
	}
}

func TestAFollowerWhosePositionIsGoneTakesANewState(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]bus.Following{"named": {Name: string(topology.Follower)}, "by position": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := bustest.StartWith(t, topology.Options{LogMaxBytes: 64 << 10})
			w, c := b.LogWriter(), b.Conn(topology.Follower)
			f.Account = w.Account
			for range 10 {
				w.Commit()
			}
			bustest.Eventually(t, "the state is up to date", w.Settled)
			var r bus.Results
			at := followOneChange(t, c, f, &r, w)
			// The byte limit deletes the next entry.
			for first := uint64(0); first <= at+1; {
				for range 20 {
					w.Commit()
				}
				s, err := b.Conn(topology.Operator).JetStream().Stream(t.Context(), topology.PostureLog)
				if err != nil {
					t.Fatal(err)
				}
				first = s.CachedInfo().State.FirstSeq
			}
			bustest.Eventually(t, "the state is up to date", w.Settled)
			if f.Name == "" {
				f.After = at
			}
			kinds, _ := followUntil(t, c, f, &r, w)
			if kinds[bus.EventReset] != 1 {
				t.Errorf("no new state: %v", kinds)
			}
		})
	}
}

// The log may delete the next entry while a follower runs, for example during a long handling of a change, or while its
// machine is suspended.
func TestAFollowerThatTheLogOvertakesTakesANewState(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]bus.Following{"named": {Name: string(topology.Follower)}, "by position": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := bustest.StartWith(t, topology.Options{LogMaxBytes: 64 << 10})
			w, operator := b.LogWriter(), b.Conn(topology.Operator)
			// The handler takes longer than a follower relies on its last check.
			c := b.ConnWith(0, topology.Follower, bustest.FollowersCheck(time.Millisecond))
			f.Account = w.Account
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			overtake := func(at uint64) {
				for first := uint64(0); first <= at+1; {
					for range 20 {
						w.Commit()
					}
					s, err := operator.JetStream().Stream(ctx, topology.PostureLog)
					if err != nil {
						t.Fatal(err)
					}
					first = s.CachedInfo().State.FirstSeq
				}
				bustest.Eventually(t, "the state is up to date", w.Settled)
			}
			w.Commit()
			bustest.Eventually(t, "the state is up to date", w.Settled)
			var r bus.Results
			resets, overtaken, enough := 0, false, errors.New("enough")
			err := c.Follow(ctx, f, func(_ context.Context, e bus.Event) error {
				r.Apply(e)
				switch {
				case e.Kind == bus.EventReset:
					resets++
				case e.Kind == bus.EventReady && !overtaken:
					for range 5 {
						w.Commit()
					}
				case e.Kind == bus.EventChange && !overtaken:
					overtaken = true
					overtake(e.Seq)
				case e.Kind == bus.EventReady && overtaken, e.Kind == bus.EventChange:
					if maps.Equal(w.Want(), maps.Collect(r.All())) {
						return enough
					}
				}
				return nil
			})
			if !errors.Is(err, enough) || resets != 2 {
				t.Errorf("Follow ended with %v after %d resets; results (-want +got):\n%s", err, resets,
					cmp.Diff(w.Want(), maps.Collect(r.All())))
			}
		})
	}
}

// A log with only expired messages still has a state, and a position for the next entry.
func TestFollowAnEmptiedLog(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]bus.Following{"named": {Name: string(topology.Follower)}, "by position": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := bustest.Start(t)
			w, c := b.LogWriter(), b.Conn(topology.Follower)
			f.Account = w.Account
			for range 10 {
				w.Commit()
			}
			bustest.Eventually(t, "the state is up to date", w.Settled)
			log, err := b.Conn(topology.Operator).JetStream().Stream(t.Context(), topology.PostureLog)
			if err == nil {
				err = log.Purge(t.Context())
			}
			if err != nil {
				t.Fatal(err)
			}
			clear(w.Last)
			var r bus.Results
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			resets, enough := 0, errors.New("enough")
			err = c.Follow(ctx, f, func(_ context.Context, e bus.Event) error {
				r.Apply(e)
				switch {
				case e.Kind == bus.EventReset:
					resets++
				case e.Kind == bus.EventReady && resets == 1:
					for range 5 {
						w.Commit()
					}
				case e.Kind == bus.EventChange && maps.Equal(w.Want(), maps.Collect(r.All())):
					return enough
				}
				return nil
			})
			if !errors.Is(err, enough) || resets != 1 {
				t.Errorf("Follow ended with %v after %d resets", err, resets)
			}
		})
	}
}

func TestAHandlersErrorEndsFollow(t *testing.T) {
	b := bustest.Start(t)
	broke := errors.New("broke")
	err := b.Conn(topology.Follower).Follow(t.Context(), bus.Following{}, func(context.Context, bus.Event) error {
		return broke
	})
	if !errors.Is(err, broke) {
		t.Errorf("%v", err)
	}
	if err := b.Conn(topology.Follower).Follow(t.Context(), bus.Following{Name: "a", After: 1}, nil); err == nil {
		t.Error("a name and a position were taken together")
	}
}
