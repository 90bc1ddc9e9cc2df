package exchange

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/exchange/keys"
)

// certsOfAll is one address of several exchanges, as a load balancer makes it: each request goes to the next.
func (w *fixture) certsOfAll(services []*Service) (url string, fetched *atomic.Int32) {
	fetched = new(atomic.Int32)
	handlers := make([]http.Handler, len(services))
	for i, s := range services {
		handlers[i] = s.Handler()
	}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		handlers[int(fetched.Add(1))%len(handlers)].ServeHTTP(rw, r)
	}))
	w.Cleanup(server.Close)
	return server.URL + CertsPath, fetched
}

// restful is a verifier that rarely requests the keys and ignores unknown key ids: the worst allowed behaviour.
type restful struct {
	url   string
	set   atomic.Pointer[jose.JSONWebKeySet]
	clock func() time.Time
	mu    sync.Mutex
	asked time.Time
}

func (r *restful) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := r.clock(); now.Sub(r.asked) >= 24*time.Hour {
		q, err := http.NewRequestWithContext(ctx, "GET", r.url, nil)
		if err != nil {
			return nil, err
		}
		answer, err := http.DefaultClient.Do(q)
		if err != nil {
			return nil, err
		}
		defer answer.Body.Close()
		if answer.StatusCode != 200 {
			return nil, fmt.Errorf("status %d", answer.StatusCode)
		}
		set := new(jose.JSONWebKeySet)
		if err := json.NewDecoder(answer.Body).Decode(set); err != nil {
			return nil, err
		}
		r.set.Store(set)
		r.asked = now
	}
	s, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return nil, err
	}
	for _, k := range r.set.Load().Key(s.Signatures[0].Header.KeyID) {
		return s.Verify(k)
	}
	return nil, errors.New("no such key")
}

// An origin that checks tokens with a library's own key set and its own cache sees no failure before, during and
// after rotations, on demand and by the calendar, whichever of several exchanges signs and serves.
func TestVerifiersSeeNothingOfRotations(t *testing.T) {
	w := newFixture(t)
	w.app.SessionDuration = time.Hour
	w.token.ExpiresAt = 0
	w.save()
	var services []*Service
	for range 2 {
		s, _ := w.start(w.deps(nil))
		services = append(services, s)
	}
	url, fetched := w.certsOfAll(services)
	ready := func(published int) {
		t.Helper()
		bustest.Eventually(t, "the exchanges agree", func() bool {
			for _, s := range services {
				if s.Ready(t.Context()) != nil || s.keys.Latest().Published < published ||
					s.keys.Latest().Signing().ID() != services[0].keys.Latest().Signing().ID() {
					return false
				}
			}
			return true
		})
	}
	config := &oidc.Config{ClientID: w.app.AUD, Now: w.clock.Now}
	verifier := oidc.NewVerifier(team, oidc.NewRemoteKeySet(context.WithoutCancel(t.Context()), url), config)
	daily := oidc.NewVerifier(team, &restful{url: url, clock: w.clock.Now}, config)

	stop, verified := make(chan struct{}), new(atomic.Int32)
	var origins sync.WaitGroup
	origin := func(v *oidc.IDTokenVerifier) {
		for {
			select {
			case <-stop:
				return
			default:
			}
			answer := w.ask(w.request())
			if answer.Error != nil {
				t.Errorf("no token: %v", answer.Error)
				return
			}
			_, err := v.Verify(t.Context(), answer.Token)
			var over *oidc.TokenExpiredError
			if err != nil && !errors.As(err, &over) { // the clock may have gone on since
				t.Errorf("a token is refused: %v", err)
				return
			}
			verified.Add(1)
		}
	}
	for range 2 {
		origins.Go(func() { origin(verifier) })
	}
	kids := map[string]bool{}
	note := func() { kids[services[0].keys.Latest().Signing().ID()] = true }
	note()
	command := func(q *proto.KeysCommand) *proto.KeysAnswer {
		t.Helper()
		var a proto.KeysAnswer
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := w.api.Request(ctx, topology.KeysCommands, q, &a); err != nil || a.Error != nil {
			t.Fatal(err, a.Error)
		}
		return &a
	}
	ready(2)
	w.clock.Advance(keys.Lead)
	for n := range 4 {
		ready(2 + n)
		a := command(&proto.KeysCommand{Rotate: true})
		if a.LastRotation != proto.At(w.clock.Now()) {
			t.Errorf("not at once: %+v", a)
		}
		ready(3 + n)
		note()
		for range 7 {
			w.clock.Advance(10 * time.Second)
			ready(3 + n)
		}
	}
	// From here on by the calendar, watched by an origin that asks for keys once a day as well.
	origins.Go(func() { origin(daily) })
	for range 25 {
		w.clock.Advance(48 * time.Hour)
		ready(2)
		n := verified.Load()
		bustest.Eventually(t, "origins go on", func() bool { return verified.Load() > n || t.Failed() })
		note()
	}
	close(stop)
	origins.Wait()
	if len(kids) != 6 {
		t.Errorf("%d keys have signed, 4 rotations on demand and one by the calendar were expected", len(kids))
	}
	if published := services[0].keys.Latest().Published; published > 3 {
		t.Errorf("%d keys are published", published)
	}
	t.Logf("%d tokens verified, keys fetched %d times", verified.Load(), fetched.Load())
}
