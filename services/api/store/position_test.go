package store

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
)

// A caller never gets the answer to an earlier request; callers waiting at the same time share one.
func TestConfirmationsAreSharedAndNeverOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked uint64
		asking := make(chan struct{})
		c := &LeaderPosition{ask: func(context.Context) (uint64, error) {
			asked++
			mine := asked
			<-asking
			return mine, nil
		}}
		var mu sync.Mutex
		got := map[uint64]int{}
		ask := func() {
			n, err := c.newest(t.Context())
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			got[n]++
			mu.Unlock()
		}
		go ask()
		synctest.Wait()
		for range 10 {
			go ask()
		}
		synctest.Wait()
		asking <- struct{}{}
		synctest.Wait()
		for range 5 {
			go ask()
		}
		synctest.Wait()
		asking <- struct{}{}
		asking <- struct{}{}
		synctest.Wait()
		if got[1] != 1 || got[2] != 10 || got[3] != 5 || asked != 3 {
			t.Errorf("answers %v to %d questions", got, asked)
		}
	})
}

func TestAConfirmationThatFailsIsNotKept(t *testing.T) {
	fails := errors.New("no leader")
	c := &LeaderPosition{ask: func(context.Context) (uint64, error) { return 0, fails }}
	if _, err := c.newest(t.Context()); !errors.Is(err, fails) {
		t.Error(err)
	}
	c.ask = func(context.Context) (uint64, error) { return 7, nil }
	if n, err := c.newest(t.Context()); n != 7 || err != nil {
		t.Error(n, err)
	}
	left, leave := context.WithCancelCause(t.Context())
	leave(fails)
	blocked := make(chan struct{})
	defer close(blocked)
	c = &LeaderPosition{ask: func(context.Context) (uint64, error) { <-blocked; return 0, nil }}
	if _, err := c.newest(left); !errors.Is(err, fails) {
		t.Error(err)
	}
}
