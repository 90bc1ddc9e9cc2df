package fetcher

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/bustest/machine"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// exchange plays the exchange: it gives tokens named token-1, token-2 and so on.
type exchange struct {
	asked  atomic.Int32
	refuse atomic.Pointer[proto.Error]
	lag    atomic.Int32 // requests to be answered with CodeLagging
	mu     sync.Mutex
	last   proto.ServiceExchange
}

func (w *fixture) exchange() (*exchange, func()) {
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
				if x.lag.Load() > 0 {
					x.lag.Add(-1)
					return &proto.TokenAnswer{Error: &proto.Error{Code: proto.CodeLagging}}
				}
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

// An API receives a token if its URL belongs to an application of the account, and the secret otherwise, never both.
func TestWhatAnAPIIsShown(t *testing.T) {
	w := newFixture(t)
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
		if h.Get("CF-Access-Client-Id") != i.ClientID || h.Get("CF-Access-Client-Secret") != "cfast_secret" ||
			h.Get("Cf-Access-Jwt-Assertion") != "" {
			t.Errorf("not shown the credentials alone: %v", h)
		}
	}
	credentials(poll()) // an application without a record here

	app := w.protect(host(api.URL), "")
	bustest.Eventually(t, "the fetcher knows the application", func() bool {
		_, ok := s.catalog.Application(w.account, app.ID)
		return ok
	})
	for range 2 {
		h := poll()
		if h.Get("Cf-Access-Jwt-Assertion") != "token-1" || h.Get("CF-Access-Client-Id") != "" ||
			h.Get("CF-Access-Client-Secret") != "" {
			t.Errorf("not shown the token alone: %v", h)
		}
	}
	if q := x.last; q.Account != w.account || q.Application != app.ID || q.ClientID != i.ClientID ||
		q.ClientSecret != "cfast_secret" || x.asked.Load() != 1 {
		t.Errorf("the exchange was asked %d times, at last for %+v", x.asked.Load(), q)
	}

	served := w.protect(host(api.URL)+"/score", "http://127.0.0.1:1") // more specific, and the gateway has it
	bustest.Eventually(t, "the fetcher knows the second application", func() bool {
		_, ok := s.catalog.Application(w.account, served.ID)
		return ok
	})
	credentials(poll())
}

// A rejected token is replaced once.
func TestARefusedTokenIsReplacedOnce(t *testing.T) {
	w := newFixture(t)
	w.enrol(0, 2)
	w.start(quick())
	x, _ := w.exchange()
	for _, c := range []struct {
		name     string
		status   int
		want     proto.Reason
		takes    string // the token accepted by the API
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
			in := w.polled(i)
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
	w := newFixture(t)
	w.enrol(0, 2)
	w.start(quick())
	x, _ := w.exchange()
	x.refuse.Store(&proto.Error{Code: "no_policy", Message: "No policy admits the token."})
	api := newAPI(t, nil)
	w.protect(host(api.URL), "")
	i := w.integrate(api.URL)
	p := w.polled(i).Poll
	if p.Error != proto.ReasonAuthFailed || p.Attempts != 0 || !strings.Contains(p.Detail, "no_policy") ||
		api.calls.Load() != 0 {
		t.Errorf("%+v, %d calls", p, api.calls.Load())
	}
	if n := x.asked.Load(); n != 1 {
		t.Errorf("the exchange was asked %d times", n)
	}
}

// An exchange that has not seen a new application yet is asked again in the same attempt. The request names the
// revision of the application, and a probe's request those that the probe names.
func TestTheExchangeIsLagging(t *testing.T) {
	w := newFixture(t)
	w.enrol(0, 2)
	s, _ := w.start(quick())
	x, _ := w.exchange()
	x.lag.Store(3)
	api := newAPI(t, nil)
	app := w.protect(host(api.URL), "")
	i := w.integrate(api.URL)
	if p := w.polled(i).Poll; p.Error != proto.ReasonNone || p.Attempts != 1 {
		t.Errorf("%+v", p)
	}
	if n := x.asked.Load(); n != 4 {
		t.Errorf("the exchange was asked %d times", n)
	}
	r, _ := s.catalog.Application(w.account, app.ID)
	named := func() (config, tokens uint64) {
		x.mu.Lock()
		defer x.mu.Unlock()
		return x.last.ConfigRevision, x.last.TokensRevision
	}
	if config, tokens := named(); config != r.Revision || tokens != 0 {
		t.Errorf("a poll's request names %d and %d, the application is at %d", config, tokens, r.Revision)
	}
	x.lag.Store(1)
	id := proto.NewID()
	if p := w.probe(&proto.Probe{Integration: id, APIURL: api.URL, ClientID: "c", SealedSecret: w.seal(id, "new"),
		AccessRevision: r.Revision + 7, TokensRevision: 8}); p.Error != proto.ReasonNone {
		t.Errorf("%+v", p)
	}
	if config, tokens := named(); config != r.Revision+7 || tokens != 8 {
		t.Errorf("a probe's request names %d and %d", config, tokens)
	}
}

// A service token turned off stops working between two pages, without a change of the configuration.
func TestATokenThatIsTurnedOff(t *testing.T) {
	w := newFixture(t)
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
	if p := w.polled(i).Poll; p.Error != proto.ReasonNone {
		t.Fatalf("%+v", p)
	}
	x.refuse.Store(&proto.Error{Code: "token_disabled", Message: "The service token is turned off."})
	watch := machine.Start()
	defer watch.Stop()
	since.Store(watch)
	bustest.Eventually(t, "the calls stop", func() bool {
		p := w.polled(i).Poll
		return p.Error == proto.ReasonAuthFailed && strings.Contains(p.Detail, "token_disabled")
	})
	if late := time.Duration(last.Load()); late > 2*time.Second { // a second, and the delay of a busy machine
		t.Errorf("called %v after the token was turned off", late)
	}
	x.refuse.Store(nil)
	bustest.Eventually(t, "the calls go on", func() bool {
		return w.polled(i).Poll.Error == proto.ReasonNone
	})
}

func TestTheExchangeIsAway(t *testing.T) {
	w := newFixture(t)
	w.enrol(0, 2)
	cfg := quick()
	cfg.CallTimeout = 300 * time.Millisecond
	w.start(cfg)
	api := newAPI(t, nil)
	w.protect(host(api.URL), "")
	i := w.integrate(api.URL)
	p := w.polled(i).Poll
	if p.Error != proto.ReasonAuthFailed || p.Attempts != 0 || !strings.Contains(p.Detail, "does not answer") ||
		api.calls.Load() != 0 {
		t.Errorf("%+v, %d calls", p, api.calls.Load())
	}
	w.exchange()
	bustest.Eventually(t, "the API is called with the exchange back", func() bool {
		return w.polled(i).Poll.Error == proto.ReasonNone
	})
}

func TestASecretOfAnotherFetcher(t *testing.T) {
	w, other := newFixture(t), newFixture(t)
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
			p := w.polled(i).Poll
			if p.Error != proto.ReasonAuthFailed || !strings.Contains(p.Detail, "secret") {
				t.Errorf("%+v", p)
			}
		})
	}
	if n := api.calls.Load(); n != 0 {
		t.Errorf("%d calls", n)
	}
}
