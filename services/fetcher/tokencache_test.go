package fetcher

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/clock"
)

// asker is an exchange as the token cache sees it: it signs a token when it has none for three quarters of a
// life, and has a while for the rest.
type asker struct {
	t       *testing.T
	clock   *clock.Fake
	tokens  *tokens
	at      *target
	life    time.Duration
	hold    chan struct{} // closed when the exchange may answer
	asked   atomic.Int32
	mu      sync.Mutex
	signed  int
	expires time.Time
	refuse  *proto.Error
	away    bool
}

func (a *asker) ask(context.Context, *proto.ServiceExchange) (*proto.TokenAnswer, error) {
	a.asked.Add(1)
	<-a.hold
	a.mu.Lock()
	defer a.mu.Unlock()
	switch now := a.clock.Now(); {
	case a.away:
		return nil, context.DeadlineExceeded
	case a.refuse != nil:
		return &proto.TokenAnswer{Error: a.refuse}, nil
	case a.expires.Sub(now) < a.life/10:
		a.signed++
		a.expires = now.Add(a.life)
	}
	return &proto.TokenAnswer{Token: fmt.Sprint(a.signed), ExpiresAt: proto.At(a.expires)}, nil
}

func (a *asker) become(change func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change()
}

// get asks for a token; want is one, or a part of why there is none.
func (a *asker) get(want string) {
	a.t.Helper()
	token, p := a.tokens.get(a.t.Context(), a.at)
	if p != nil && (token != "" || !strings.Contains(p.sentence, want)) || p == nil && token != want {
		a.t.Errorf("token %q, %v; want %q", token, p, want)
	}
}

// wantAsked asserts how often the exchange was asked, once all questions were answered.
func (a *asker) wantAsked(want int) {
	a.t.Helper()
	synctest.Wait()
	if n := int(a.asked.Swap(0)); n != want {
		a.t.Errorf("asked %d times, want %d", n, want)
	}
}

func newAsker(t *testing.T, life time.Duration) *asker {
	t.Helper()
	m, err := newMetrics(prometheus.NewRegistry(), newGate(1))
	if err != nil {
		t.Fatal(err)
	}
	a := &asker{t: t, clock: clock.NewFake(time.Unix(1_700_000_000, 0)), life: life, hold: make(chan struct{}),
		at: &target{app: &catalog.Record[proto.Application]{Value: &proto.Application{}}, token: tokenKey{integration: 1}}}
	a.tokens = newTokens(a.ask, a.clock, m)
	return a
}

func TestTokensAreAskedForOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsker(t, time.Hour)
		var asking sync.WaitGroup
		for range 10 {
			asking.Go(func() { a.get("1") })
		}
		ctx, cancel := context.WithCancel(t.Context())
		impatient := make(chan *problem)
		go func() { _, p := a.tokens.get(ctx, a.at); impatient <- p }()
		synctest.Wait()
		cancel()
		if p := <-impatient; p == nil || p.reason != proto.ReasonAuthFailed {
			t.Errorf("who gave up got %v", p)
		}
		close(a.hold)
		asking.Wait()
		a.wantAsked(1)
	})
}

// A token in use is confirmed twice a second in the background; an idle one is confirmed before its next use.
func TestTokensAreConfirmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsker(t, time.Hour)
		close(a.hold)
		a.get("1")
		a.wantAsked(1)
		for range 100 { // ten seconds of one poll
			a.clock.Advance(100 * time.Millisecond)
			for range 3 {
				a.get("1")
			}
			synctest.Wait()
		}
		a.wantAsked(20)
		a.clock.Advance(time.Minute)
		a.become(func() { a.refuse = &proto.Error{Code: "token_disabled", Message: "It is off."} })
		a.get("token_disabled")
		a.wantAsked(1)
	})
}

// A service token that is turned off in the middle of a poll stops the calls within a second, however many
// there are, and the exchange is not asked by each of them.
func TestARefusalStopsAPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsker(t, time.Hour)
		close(a.hold)
		a.get("1")
		a.clock.Advance(400 * time.Millisecond)
		a.become(func() { a.refuse = &proto.Error{Code: "token_disabled", Message: "It is off."} })
		off := a.clock.Now()
		for used := 0; ; used++ {
			token, _ := a.tokens.get(t.Context(), a.at)
			synctest.Wait()
			if token == "" {
				if after := a.clock.Now().Sub(off); after > time.Second || used == 0 {
					t.Errorf("used %d times, for %v", used, after)
				}
				break
			}
			a.clock.Advance(10 * time.Millisecond)
		}
		a.asked.Store(0)
		for range 100 {
			a.get("token_disabled")
			a.clock.Advance(10 * time.Millisecond)
		}
		a.wantAsked(2)
		a.become(func() { a.refuse = nil })
		a.clock.Advance(confirmAfter)
		a.get("1")
	})
}

// While the exchange is unreachable, a token stays in use for up to five minutes, but not beyond its expiry, and no
// call waits. The exchange's first reply applies at once.
func TestTokensGoOnWithoutTheExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			name string
			gone func(a *asker)
			says string
		}{
			{"it does not answer", func(a *asker) { a.away = true }, "does not answer"},
			{"it is busy", func(a *asker) { a.refuse = &proto.Error{Code: "busy", Message: "Too many requests are waiting."} }, "busy"},
			{"it cannot sign", func(a *asker) { a.refuse = &proto.Error{Code: "unavailable", Message: "No key."} }, "unavailable"},
		} {
			a := newAsker(t, time.Hour)
			close(a.hold)
			a.get("1")
			a.become(func() { c.gone(a) })
			for range 299 {
				a.clock.Advance(time.Second)
				a.get("1")
				synctest.Wait()
			}
			a.clock.Advance(time.Second)
			a.get(c.says)
			a.become(func() { a.away, a.refuse = false, nil })
			a.get("1")

			a.become(func() { c.gone(a) })
			a.clock.Advance(time.Second)
			a.get("1")
			a.become(func() { a.away, a.refuse = false, &proto.Error{Code: "token_disabled", Message: "It is off."} })
			a.clock.Advance(confirmAfter)
			a.get("1") // while the exchange is asked
			synctest.Wait()
			a.get("token_disabled")
		}
		short := newAsker(t, 2*time.Minute)
		close(short.hold)
		short.get("1")
		short.become(func() { short.away = true })
		short.clock.Advance(89 * time.Second)
		short.get("1")
		synctest.Wait()
		short.clock.Advance(time.Second)
		short.get("does not answer")

		// Long after it was last away, it is asked first again.
		a := newAsker(t, time.Hour)
		close(a.hold)
		a.get("1")
		a.become(func() { a.away = true })
		a.clock.Advance(time.Second)
		a.get("1")
		a.become(func() { a.away, a.refuse = false, &proto.Error{Code: "token_disabled", Message: "It is off."} })
		a.clock.Advance(time.Minute)
		a.get("token_disabled")
	})
}

// An unresponsive exchange delays only the calls waiting for its first reply; then the token stays in use.
func TestAnExchangeThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsker(t, time.Hour)
		a.tokens.ask = func(ctx context.Context, _ *proto.ServiceExchange) (*proto.TokenAnswer, error) {
			a.asked.Add(1)
			<-ctx.Done()
			return nil, ctx.Err()
		}
		now := a.clock.Now()
		a.tokens.kept[a.at.token] = keptToken{token: "1", until: now.Add(time.Hour), confirmed: now}
		a.clock.Advance(time.Second)
		start := time.Now() // the bubble's
		a.get("1")
		if waited := time.Since(start); waited != exchangeTimeout {
			t.Errorf("waited %v", waited)
		}
		for range 10 {
			a.clock.Advance(confirmAfter)
			a.get("1")
		}
		if waited := time.Since(start); waited != exchangeTimeout {
			t.Errorf("waited %v in all", waited)
		}
		a.wantAsked(2)
		<-time.After(exchangeTimeout) // the last question ends
	})
}

func TestTokensAreKeptUntilShortlyBeforeTheyExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for life, kept := range map[time.Duration]time.Duration{
			time.Hour:        aloneFor,
			5 * time.Minute:  4 * time.Minute,
			2 * time.Minute:  90 * time.Second,
			40 * time.Second: 30 * time.Second,
		} {
			a := newAsker(t, life)
			close(a.hold)
			a.get("1")
			a.become(func() { a.away = true })
			a.clock.Advance(kept - time.Millisecond)
			a.get("1")
			a.clock.Advance(time.Millisecond)
			a.get("does not answer")
			a.become(func() { a.away, a.expires = false, time.Time{} })
			a.get("2")
			a.tokens.refused(a.at, "1") // late news of the old one
			a.wantAsked(4)
			a.get("2")
			a.wantAsked(0)
			a.tokens.refused(a.at, "2")
			a.get("2")
			a.wantAsked(1)
			a.at.token.integration++ // other credentials
			a.get("2")
			a.wantAsked(1)
			if len(a.tokens.kept) != 1 {
				t.Errorf("%d tokens are kept", len(a.tokens.kept))
			}
		}
	})
}
