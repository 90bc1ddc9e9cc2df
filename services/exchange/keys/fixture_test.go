package keys

import (
	"context"
	"fmt"
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

// fixture is a bus, a clock, and the identities of an exchange.
type fixture struct {
	*testing.T
	bus   *bustest.Bus
	clock *clock.Fake
	ids   []age.Identity
}

func newFixture(t *testing.T, b *bustest.Bus) *fixture {
	t.Helper()
	identity, _, err := seal.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	ids, err := seal.ParseIdentities(identity)
	if err != nil {
		t.Fatal(err)
	}
	return &fixture{T: t, bus: b, clock: clock.NewFake(time.UnixMilli(1_800_000_000_000)), ids: ids}
}

// delayedSet is the key set of a replica, with a delay of updates.
type delayedSet struct {
	*KeySet
	held sync.RWMutex
	stop func()
}

func (w *fixture) start() *delayedSet { return w.startWith(confirmTimeout) }

func (w *fixture) startWith(confirmTimeout time.Duration) *delayedSet {
	w.Helper()
	conn := w.bus.Conn(topology.Exchange)
	r := &delayedSet{KeySet: NewKeySet(conn, bustest.Log(w), w.clock, w.ids)}
	r.confirmTimeout = confirmTimeout
	follow := r.watch
	r.watch = func(ctx context.Context, apply func(bus.Update) error, complete func()) error {
		return follow(ctx, func(u bus.Update) error {
			r.held.RLock()
			defer r.held.RUnlock()
			return apply(u)
		}, complete)
	}
	r.stop = bustest.Run(w, r.Run)
	return r
}

// settled waits until there is nothing to do for any replica.
func (w *fixture) settled(replicas ...*delayedSet) {
	w.Helper()
	bustest.Eventually(w, "nothing is left to do", func() bool {
		for _, r := range replicas {
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

func (w *fixture) command(r *delayedSet, q *proto.KeysCommand) *proto.KeysAnswer {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
	defer cancel()
	return r.Command(ctx, q)
}

// rotation is the record as it stands.
func (w *fixture) rotation() *proto.KeyRotation {
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

// verify checks a token with the document of a key set.
func verify(ctx context.Context, r *delayedSet, token string) error {
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

func (r *delayedSet) sign(ctx context.Context) (string, error) {
	set, err := r.Current(ctx)
	if err != nil {
		return "", err
	}
	return set.Signing().Sign([]byte(`{}`))
}
