package keys

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/seal"
)

// world is a bus, a clock, and the identities of an exchange.
type world struct {
	*testing.T
	bus   *bustest.Bus
	clock *clock.Fake
	ids   []age.Identity
}

func newWorld(t *testing.T, b *bustest.Bus) *world {
	t.Helper()
	identity, _, err := seal.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	ids, err := seal.ParseIdentities(identity)
	if err != nil {
		t.Fatal(err)
	}
	return &world{T: t, bus: b, clock: clock.NewFake(time.UnixMilli(1_800_000_000_000)), ids: ids}
}

// ring is a replica whose view can be held.
type ring struct {
	*KeySet
	held sync.RWMutex
	stop func()
}

func (w *world) start() *ring { return w.startWith(confirmTimeout) }

func (w *world) startWith(confirmTimeout time.Duration) *ring {
	w.Helper()
	conn := w.bus.Conn(topology.Exchange)
	r := &ring{KeySet: NewKeySet(conn, bustest.Log(w), w.clock, w.ids)}
	r.confirmTimeout = confirmTimeout
	follow := r.watch
	r.watch = func(ctx context.Context, apply func(bus.Update) error, complete func()) error {
		return follow(ctx, func(u bus.Update) error {
			r.held.RLock()
			defer r.held.RUnlock()
			return apply(u)
		}, complete)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	var once sync.Once
	r.stop = func() {
		once.Do(func() {
			cancel()
			if err := <-ended; err != nil {
				w.Error(err)
			}
		})
	}
	w.Cleanup(r.stop)
	return r
}

// settled waits until there is nothing to do for any ring.
func (w *world) settled(rings ...*ring) {
	w.Helper()
	bustest.Eventually(w, "nothing is left to do", func() bool {
		for _, r := range rings {
			s, err := r.confirm(w.Context())
			if err != nil {
				return false
			}
			if todo, _ := plan(s, w.clock.Now()); !todo.none() {
				return false
			}
		}
		return true
	})
}

func (w *world) command(r *ring, q *proto.KeysCommand) *proto.KeysAnswer {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
	defer cancel()
	return r.Command(ctx, q)
}

// rotation is the record as it stands.
func (w *world) rotation() *proto.KeyRotation {
	w.Helper()
	var r proto.KeyRotation
	if w.bus.Newest(topology.Keys, topology.RotationKey, &r) == 0 {
		w.Fatal("there is no rotation")
	}
	return &r
}

func kidOf(token string) string {
	s, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return err.Error()
	}
	return s.Signatures[0].Header.KeyID
}

// verify checks a token with the document that a ring serves.
func verify(ctx context.Context, r *ring, token string) error {
	set, err := r.Current(ctx)
	if err != nil {
		return err
	}
	var document jose.JSONWebKeySet
	if err := json.Unmarshal(set.Certs(), &document); err != nil {
		return err
	}
	s, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return err
	}
	found := document.Key(s.Signatures[0].Header.KeyID)
	if len(found) != 1 {
		return fmt.Errorf("%d keys of kid %s", len(found), s.Signatures[0].Header.KeyID)
	}
	_, err = s.Verify(found[0])
	return err
}

func (r *ring) sign(ctx context.Context) (string, error) {
	set, err := r.Current(ctx)
	if err != nil {
		return "", err
	}
	return set.Signing().Sign([]byte(`{}`))
}

// While three replicas are told to rotate over and over, each of them signs all the time, and each verifies what
// the others sign, tokens from before included.
func TestReplicasRotateWhileTheyWork(t *testing.T) {
	for _, c := range []struct {
		name   string
		bus    func(testing.TB) *bustest.Bus
		rounds int
	}{{"one server", bustest.Start, 4}, {"three servers", bustest.Cluster, 2}} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, c.bus(t))
			rings := []*ring{w.start(), w.start(), w.start()}
			for _, r := range rings {
				if _, err := r.Await(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			w.settled(rings...)
			done, kids := make(chan struct{}), sync.Map{}
			var working sync.WaitGroup
			checks := make([]int, len(rings))
			for i, signer := range rings {
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
						for j, other := range rings {
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
				for _, r := range rings {
					telling.Go(func() {
						if a := w.command(r, &proto.KeysCommand{Rotate: true}); a.Error != nil {
							t.Error(a.Error)
						}
					})
				}
				telling.Wait()
				for range 7 {
					w.clock.Advance(Trust / 2)
					w.settled(rings...)
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

// A replica whose view stands still neither signs nor serves once it cannot be certain of the keys, and others
// rotate on meanwhile; up to then what they sign with is among what it serves.
func TestALaggingReplicaDoesNotServeWithoutTheKeyThatSigns(t *testing.T) {
	w := newWorld(t, bustest.Start(t))
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

func TestKeysRotateEverySixWeeks(t *testing.T) {
	w := newWorld(t, bustest.Start(t))
	r := w.start()
	w.settled(r)
	began := w.clock.Now()
	kid := func() string {
		t.Helper()
		token, err := r.sign(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return kidOf(token)
	}
	old, err := r.sign(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if a := w.command(r, &proto.KeysCommand{}); a.IntervalDays != 42 || a.LastRotation != proto.At(began) || a.NextRotation != proto.At(began.Add(42*day)) {
		t.Errorf("%+v", a)
	}
	w.clock.Set(began.Add(42*day - time.Second))
	w.settled(r)
	if kid() != kidOf(old) {
		t.Error("rotated before its time")
	}
	w.clock.Set(began.Add(42 * day))
	w.settled(r)
	if kid() == kidOf(old) {
		t.Fatal("not rotated in time")
	}
	if a := w.command(r, &proto.KeysCommand{}); a.LastRotation != proto.At(began.Add(42*day)) || a.NextRotation != proto.At(began.Add(84*day)) {
		t.Errorf("%+v", a)
	}
	w.clock.Set(began.Add(49*day - time.Second))
	w.settled(r)
	if err := verify(t.Context(), r, old); err != nil {
		t.Errorf("the previous key is not accepted for seven days: %v", err)
	}
	w.clock.Set(began.Add(49 * day))
	w.settled(r)
	if err := verify(t.Context(), r, old); err == nil {
		t.Error("the previous key is still published")
	}
	var record proto.SigningKey
	if _, err := r.conn.Get(t.Context(), topology.Keys, topology.SigningKeyKey(1), &record); !errors.Is(err, bus.ErrNotFound) {
		t.Errorf("the previous key is still there: %v", err)
	}
	// A shorter interval counts from the last rotation.
	if a := w.command(r, &proto.KeysCommand{IntervalDays: 21}); a.IntervalDays != 21 || a.NextRotation != proto.At(began.Add(63*day)) {
		t.Errorf("%+v", a)
	}
	before := kid()
	w.clock.Set(began.Add(63 * day))
	w.settled(r)
	if kid() == before {
		t.Error("the new interval does not count")
	}
}

// On a new installation the next key is as young as the first: the rotation is remembered.
func TestARotationThatIsWantedTooEarlyHappensWithinAMinute(t *testing.T) {
	w := newWorld(t, bustest.Start(t))
	r := w.start()
	w.settled(r)
	began := w.clock.Now()
	for range 2 {
		if a := w.command(r, &proto.KeysCommand{Rotate: true}); a.Error != nil || a.LastRotation != proto.At(began) || a.NextRotation != proto.At(began.Add(Lead)) {
			t.Fatalf("%+v", a)
		}
	}
	r.stop()
	// Whoever is there then does it.
	w.clock.Advance(Lead - time.Second)
	r = w.start()
	w.settled(r)
	if got := w.rotation(); got.Current != 1 || !got.Wanted {
		t.Fatalf("%+v", got)
	}
	w.clock.Advance(Lead)
	bustest.Eventually(t, "the key is replaced", func() bool { return w.rotation().Current == 2 })
	if got := w.rotation(); got.Wanted {
		t.Errorf("%+v", got)
	}
	// And at once where the next key has been there for long.
	bustest.Eventually(t, "the key after it is made", func() bool {
		return w.bus.Newest(topology.Keys, topology.SigningKeyKey(3), new(proto.SigningKey)) != 0
	})
	w.settled(r)
	w.clock.Advance(time.Hour)
	w.settled(r)
	if a := w.command(r, &proto.KeysCommand{Rotate: true}); a.LastRotation != proto.At(w.clock.Now()) {
		t.Errorf("%+v", a)
	}
	w.settled(r)
}

// An installation of the build before had one key and no record of a rotation.
func TestAnInstallationFromBeforeIsTakenOver(t *testing.T) {
	w := newWorld(t, bustest.Start(t))
	conn := w.bus.Conn(topology.Exchange)
	to, err := seal.RecipientsOf(w.ids)
	if err != nil {
		t.Fatal(err)
	}
	made := w.clock.Now().Add(-100 * day)
	record, err := generate(made, to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Put(t.Context(), topology.Keys, topology.SigningKeyKey(1), record, 0); err != nil {
		t.Fatal(err)
	}
	rings := []*ring{w.start(), w.start()}
	w.settled(rings...)
	token, err := rings[0].sign(t.Context())
	if err != nil || kidOf(token) != record.KID {
		t.Fatalf("signed with %s, not %s: %v", kidOf(token), record.KID, err)
	}
	if got := w.rotation(); got.Current != 1 || got.Since != proto.At(made) || got.IntervalDays != 42 {
		t.Errorf("%+v", got)
	}
	// It is overdue; verifiers get a day to know the next key.
	w.clock.Advance(23 * time.Hour)
	w.settled(rings...)
	if got := w.rotation(); got.Current != 1 {
		t.Errorf("%+v", got)
	}
	w.clock.Advance(time.Hour)
	w.settled(rings...)
	if got := w.rotation(); got.Current != 2 || len(got.Previous) != 1 {
		t.Errorf("%+v", got)
	}
	if err := verify(t.Context(), rings[1], token); err != nil {
		t.Error(err)
	}
}

// What a crash left behind is put right by whoever looks next.
func TestWhatACrashLeftIsPutRight(t *testing.T) {
	w := newWorld(t, bustest.Start(t))
	r := w.start()
	w.settled(r)
	w.clock.Advance(time.Hour)
	w.settled(r)
	if a := w.command(r, &proto.KeysCommand{Rotate: true}); a.Error != nil {
		t.Fatal(a.Error)
	}
	w.settled(r)
	r.stop()
	conn := w.bus.Conn(topology.Exchange)
	// The record no longer lists key 1, which was not deleted yet, and key 3 was not made yet.
	got := w.rotation()
	got.Previous = nil
	var record proto.SigningKey
	revision, err := conn.Get(t.Context(), topology.Keys, topology.SigningKeyKey(3), &record)
	if err == nil {
		err = conn.Delete(t.Context(), topology.Keys, topology.SigningKeyKey(3), revision)
	}
	if err != nil {
		t.Fatal(err)
	}
	if revision, err = conn.Get(t.Context(), topology.Keys, topology.RotationKey, &proto.KeyRotation{}); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Put(t.Context(), topology.Keys, topology.RotationKey, got, revision); err != nil {
		t.Fatal(err)
	}
	r = w.start()
	if _, err := r.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.settled(r)
	if all := r.state.Load().published(); !slices.Equal(all, []uint64{2, 3}) {
		t.Errorf("published: %v", all)
	}
	if len(r.state.Load().members) != 2 {
		t.Error("what nothing names is still there")
	}
	// Where even the key that signs is lost, the next takes its place.
	if revision, err = conn.Get(t.Context(), topology.Keys, topology.SigningKeyKey(2), &record); err == nil {
		err = conn.Delete(t.Context(), topology.Keys, topology.SigningKeyKey(2), revision)
	}
	if err != nil {
		t.Fatal(err)
	}
	bustest.Eventually(t, "nothing is signed", func() bool { _, err := r.sign(t.Context()); return errors.Is(err, ErrNoKey) })
	w.clock.Advance(Lead)
	bustest.Eventually(t, "the next key signs", func() bool { _, err := r.sign(t.Context()); return err == nil })
	w.settled(r)
}

func TestCommandsOverTheBus(t *testing.T) {
	w := newWorld(t, bustest.Start(t))
	r := w.start()
	w.settled(r)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	listening := make(chan struct{})
	e := r.Endpoint()
	e.Listening = func() { close(listening) }
	go func() { ended <- r.conn.Answer(ctx, e) }()
	<-listening
	api := w.bus.Conn(topology.API)
	ask := func(q *proto.KeysCommand) *proto.KeysAnswer {
		t.Helper()
		var a proto.KeysAnswer
		bounded, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := api.Request(bounded, topology.KeysCommands, q, &a); err != nil {
			t.Fatal(err)
		}
		return &a
	}
	if a := ask(&proto.KeysCommand{IntervalDays: 365}); a.Error != nil || a.IntervalDays != 365 {
		t.Errorf("%+v", a)
	}
	for _, days := range []int{-1, 1, 20, 366} {
		if a := ask(&proto.KeysCommand{IntervalDays: days}); a.Error == nil || a.Error.Code != CodeInterval {
			t.Errorf("%d days: %+v", days, a)
		}
	}
	if a := ask(&proto.KeysCommand{}); a.IntervalDays != 365 {
		t.Errorf("%+v", a)
	}
	m, err := api.NATS().Request(topology.KeysCommands, []byte("x"), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	var a proto.KeysAnswer
	if err := proto.Unmarshal(m.Data, &a); err != nil || a.Error == nil {
		t.Errorf("%+v, %v", a, err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
