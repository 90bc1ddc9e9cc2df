package fetcher

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/bustest/machine"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/clock"
)

// exchange plays the exchange: it gives tokens named token-1, token-2 and so on.
type exchange struct {
	asked  atomic.Int32
	refuse atomic.Pointer[proto.Error]
	mu     sync.Mutex
	last   proto.ServiceExchange
}

func (w *world) exchange() (*exchange, func()) {
	w.t.Helper()
	x := new(exchange)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	conn := w.bus.Conn(topology.Exchange)
	go func() {
		defer close(done)
		_ = conn.Answer(ctx, bus.Endpoint{Subject: topology.ExchangeService, Role: topology.Exchange,
			Refuse: func(err error) proto.Message {
				return &proto.TokenAnswer{Error: &proto.Error{Code: "busy", Message: err.Error()}}
			},
			Handle: func(_ context.Context, m *bus.Msg) proto.Message {
				x.mu.Lock()
				defer x.mu.Unlock()
				if err := m.Decode(&x.last); err != nil {
					w.t.Error(err)
				}
				n := x.asked.Add(1)
				if e := x.refuse.Load(); e != nil {
					return &proto.TokenAnswer{Error: e}
				}
				return &proto.TokenAnswer{Token: fmt.Sprintf("token-%d", n), ExpiresAt: proto.At(time.Now().Add(time.Hour))}
			}})
	}()
	stop := sync.OnceFunc(func() { cancel(); <-done })
	w.t.Cleanup(stop)
	bustest.Eventually(w.t, "the exchange answers", func() bool {
		before := x.asked.Load()
		err := w.operator.Request(w.t.Context(), topology.ExchangeService, &proto.ServiceExchange{}, new(proto.TokenAnswer))
		x.asked.Store(before)
		return err == nil
	})
	return x, stop
}

func host(url string) string { return strings.TrimPrefix(url, "http://") }

// What an API is shown depends on whose application its URL belongs to, and the secret goes to nobody who
// gets a token.
func TestWhatAnAPIIsShown(t *testing.T) {
	w := newWorld(t)
	w.enrol(0, 2)
	s, _ := w.start(quick())
	x, _ := w.exchange()
	var mu sync.Mutex
	var seen http.Header
	api := newAPI(t, func(rw http.ResponseWriter, r *http.Request, devices []proto.ID) {
		mu.Lock()
		seen = r.Header.Clone()
		mu.Unlock()
		answer(rw, devices)
	})
	i := w.integrate(api.URL + "/score")
	poll := func() http.Header {
		t.Helper()
		tick := w.tick(i)
		if in := w.input(i, 0, tick); in.Poll.Error != proto.ReasonNone {
			t.Fatalf("%+v", in.Poll)
		}
		w.idle(i)
		mu.Lock()
		defer mu.Unlock()
		return seen
	}
	credentials := func(h http.Header) {
		t.Helper()
		if h.Get("CF-Access-Client-Id") != i.ClientID || h.Get("CF-Access-Client-Secret") != "cfast_secret" || h.Get("Cf-Access-Jwt-Assertion") != "" {
			t.Errorf("not shown the credentials alone: %v", h)
		}
	}
	credentials(poll()) // an application that nobody here knows

	app := w.protect(host(api.URL), "")
	bustest.Eventually(t, "the fetcher knows the application", func() bool { _, ok := s.catalog.Application(w.account, app.ID); return ok })
	for range 2 {
		h := poll()
		if h.Get("Cf-Access-Jwt-Assertion") != "token-1" || h.Get("CF-Access-Client-Id") != "" || h.Get("CF-Access-Client-Secret") != "" {
			t.Errorf("not shown the token alone: %v", h)
		}
	}
	if q := x.last; q.Account != w.account || q.Application != app.ID || q.ClientID != i.ClientID || q.ClientSecret != "cfast_secret" || x.asked.Load() != 1 {
		t.Errorf("the exchange was asked %d times, at last for %+v", x.asked.Load(), q)
	}

	served := w.protect(host(api.URL)+"/score", "http://127.0.0.1:1") // more specific, and the gateway has it
	bustest.Eventually(t, "the fetcher knows the second application", func() bool { _, ok := s.catalog.Application(w.account, served.ID); return ok })
	credentials(poll())
}

// A token that is not taken is replaced by a fresh one, once.
func TestARefusedTokenIsReplacedOnce(t *testing.T) {
	w := newWorld(t)
	w.enrol(0, 2)
	w.start(quick())
	x, _ := w.exchange()
	for _, c := range []struct {
		name     string
		status   int
		want     proto.Reason
		takes    string // the token that the API takes
		attempts int
	}{
		{"401, then a fresh token", 401, proto.ReasonNone, "token-2", 2},
		{"403, then a fresh token", 403, proto.ReasonNone, "token-2", 2},
		{"a redirect, then a fresh token", 302, proto.ReasonNone, "token-2", 2},
		{"401 for ever", 401, proto.ReasonAuthFailed, "none", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			x.asked.Store(0)
			api := newAPI(t, func(w http.ResponseWriter, r *http.Request, devices []proto.ID) {
				if r.Header.Get("Cf-Access-Jwt-Assertion") != c.takes {
					w.WriteHeader(c.status)
					return
				}
				answer(w, devices)
			})
			w.protect(host(api.URL), "")
			i := w.integrate(api.URL)
			in := w.input(i, 0, w.tick(i))
			if p := in.Poll; p.Error != c.want || p.Attempts != c.attempts || int(api.calls.Load()) != c.attempts {
				t.Errorf("%+v, %d calls", p, api.calls.Load())
			}
			if n := x.asked.Load(); n != 2 {
				t.Errorf("the exchange was asked %d times", n)
			}
		})
	}
}

func TestTheExchangeRefuses(t *testing.T) {
	w := newWorld(t)
	w.enrol(0, 2)
	w.start(quick())
	x, _ := w.exchange()
	x.refuse.Store(&proto.Error{Code: "no_policy", Message: "No policy admits the token."})
	api := newAPI(t, nil)
	w.protect(host(api.URL), "")
	i := w.integrate(api.URL)
	p := w.input(i, 0, w.tick(i)).Poll
	if p.Error != proto.ReasonAuthFailed || p.Attempts != 0 || !strings.Contains(p.Detail, "no_policy") || api.calls.Load() != 0 {
		t.Errorf("%+v, %d calls", p, api.calls.Load())
	}
	if n := x.asked.Load(); n != 1 {
		t.Errorf("the exchange was asked %d times", n)
	}
}

// A service token that is turned off stops working between two pages, without a change of the configuration.
func TestATokenThatIsTurnedOff(t *testing.T) {
	w := newWorld(t)
	w.enrol(0, 2)
	w.start(quick())
	x, _ := w.exchange()
	var since atomic.Pointer[machine.Watch]
	var last atomic.Int64 // of since
	api := newAPI(t, func(w http.ResponseWriter, _ *http.Request, devices []proto.ID) {
		if watch := since.Load(); watch != nil {
			last.Store(int64(watch.Elapsed()))
		}
		answer(w, devices)
	})
	w.protect(host(api.URL), "")
	i := w.integrate(api.URL)
	if p := w.input(i, 0, w.tick(i)).Poll; p.Error != proto.ReasonNone {
		t.Fatalf("%+v", p)
	}
	x.refuse.Store(&proto.Error{Code: "token_disabled", Message: "The service token is turned off."})
	watch := machine.Start()
	defer watch.Stop()
	since.Store(watch)
	bustest.Eventually(t, "the calls stop", func() bool {
		p := w.input(i, 0, w.tick(i)).Poll
		return p.Error == proto.ReasonAuthFailed && strings.Contains(p.Detail, "token_disabled")
	})
	if late := time.Duration(last.Load()); late > 2*time.Second { // a second, and what a busy machine takes
		t.Errorf("called %v after the token was turned off", late)
	}
	x.refuse.Store(nil)
	bustest.Eventually(t, "the calls go on", func() bool { return w.input(i, 0, w.tick(i)).Poll.Error == proto.ReasonNone })
}

func TestTheExchangeIsAway(t *testing.T) {
	w := newWorld(t)
	w.enrol(0, 2)
	cfg := quick()
	cfg.CallTimeout = 300 * time.Millisecond
	w.start(cfg)
	api := newAPI(t, nil)
	w.protect(host(api.URL), "")
	i := w.integrate(api.URL)
	p := w.input(i, 0, w.tick(i)).Poll
	if p.Error != proto.ReasonAuthFailed || p.Attempts != 0 || !strings.Contains(p.Detail, "does not answer") || api.calls.Load() != 0 {
		t.Errorf("%+v, %d calls", p, api.calls.Load())
	}
	w.exchange()
	bustest.Eventually(t, "the API is called with the exchange back", func() bool { return w.input(i, 0, w.tick(i)).Poll.Error == proto.ReasonNone })
}

func TestASecretOfAnotherFetcher(t *testing.T) {
	w, other := newWorld(t), newWorld(t)
	w.enrol(0, 2)
	w.start(quick())
	api := newAPI(t, nil)
	for name, sealed := range map[string]func(proto.ID) []byte{
		"sealed to another": func(id proto.ID) []byte { return other.seal(id, "cfast_secret") },
		"of another record": func(proto.ID) []byte { return w.seal(proto.NewID(), "cfast_secret") },
		"damaged":           func(proto.ID) []byte { return []byte("x") },
		"none":              func(proto.ID) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			i := w.integrate(api.URL, func(i *proto.Integration) { i.SealedSecret = sealed(i.ID) })
			p := w.input(i, 0, w.tick(i)).Poll
			if p.Error != proto.ReasonAuthFailed || !strings.Contains(p.Detail, "secret") {
				t.Errorf("%+v", p)
			}
		})
	}
	if n := api.calls.Load(); n != 0 {
		t.Errorf("%d calls", n)
	}
}

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

// A token is confirmed twice a second while it is used, in nobody's way; one that was not used for a while is
// confirmed before it is.
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

// While the exchange cannot be reached a token goes on for five minutes, not past its end, and nobody waits;
// once it answers, its word counts at once.
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

// An exchange that hangs holds up those who wait for the first answer; then the token goes on.
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
