package keys

import (
	"errors"
	"sync"
	"testing"
	"time"

	"plumbline.dev/bus/bustest"
	"plumbline.dev/proto"
)

// While three replicas are told to rotate over and over, each of them signs all the time, and each verifies what
// the others sign, tokens from before included.
func TestReplicasRotateWhileTheyWork(t *testing.T) {
	for _, c := range []struct {
		name   string
		bus    func(testing.TB) *bustest.Bus
		rounds int
	}{{"one server", bustest.Start, 4}, {"three servers", bustest.Cluster, 2}} {
		t.Run(c.name, func(t *testing.T) {
			w := newFixture(t, c.bus(t))
			replicas := []*delayedSet{w.start(), w.start(), w.start()}
			for _, r := range replicas {
				if _, err := r.Await(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			w.settled(replicas...)
			done, kids := make(chan struct{}), sync.Map{}
			var working sync.WaitGroup
			checks := make([]int, len(replicas))
			for i, signer := range replicas {
				working.Go(func() {
					var before []string
					for n := 0; ; n++ {
						select {
						case <-done:
							return
						default:
						}
						token, err := signer.sign(t.Context())
						if err != nil {
							t.Errorf("replica %d cannot sign: %v", i, err)
							return
						}
						if n%20 == 0 {
							before = append(before, token)
						}
						kids.Store(kidOf(token), true)
						for j, other := range replicas {
							for _, token := range []string{token, before[n%len(before)]} {
								if err := verify(t.Context(), other, token); err != nil {
									t.Errorf("a token of replica %d at replica %d: %v", i, j, err)
									return
								}
								checks[i]++
							}
						}
					}
				})
			}
			for n := range c.rounds {
				// All are told at once: the key is replaced once.
				from := w.rotation().Current
				var telling sync.WaitGroup
				for _, r := range replicas {
					telling.Go(func() {
						if a := w.command(r, &proto.KeysCommand{Rotate: true}); a.Error != nil {
							t.Error(a.Error)
						}
					})
				}
				telling.Wait()
				for range 7 {
					w.clock.Advance(Trust / 2)
					w.settled(replicas...)
				}
				if got := w.rotation(); got.Current != from+1 || got.Wanted {
					t.Fatalf("round %d: after key %d: %+v", n, from, got)
				}
			}
			close(done)
			working.Wait()
			n := 0
			kids.Range(func(any, any) bool { n++; return true })
			if n != c.rounds+1 {
				t.Errorf("%d keys have signed", n)
			}
			t.Logf("%v verifications", checks)
		})
	}
}

// A replica with a lagging view neither signs nor serves once its keys are unconfirmed, while the others rotate. Until
// then, it serves the keys they sign with.
func TestALaggingReplicaDoesNotServeWithoutTheKeyThatSigns(t *testing.T) {
	w := newFixture(t, bustest.Start(t))
	first, second := w.start(), w.startWith(50*time.Millisecond)
	w.settled(first, second)
	w.clock.Advance(Lead)
	w.settled(first, second)
	second.held.Lock()
	refused := 0
	for range 14 {
		if a := w.command(first, &proto.KeysCommand{Rotate: true}); a.Error != nil {
			t.Fatal(a.Error)
		}
		w.settled(first)
		token, err := first.sign(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		switch err := verify(t.Context(), second, token); {
		case errors.Is(err, ErrNoKey):
			refused++
			if _, err := second.sign(t.Context()); !errors.Is(err, ErrNoKey) {
				t.Fatalf("it signs: %v", err)
			}
		case err != nil:
			t.Fatal(err)
		case refused > 0:
			t.Fatal("a view that stands still is certain again")
		}
		w.clock.Advance(Trust / 2)
	}
	if w.rotation().Current < 3 || refused == 0 {
		t.Fatalf("at key %d, refused %d times", w.rotation().Current, refused)
	}
	second.held.Unlock()
	w.settled(first, second)
	token, err := first.sign(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := verify(t.Context(), second, token); err != nil {
		t.Error(err)
	}
	if own, err := second.sign(t.Context()); err != nil || kidOf(own) != kidOf(token) {
		t.Errorf("the replica that lagged signs with %s, the other with %s: %v", kidOf(own), kidOf(token), err)
	}
}
