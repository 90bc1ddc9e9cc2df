package keycache

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"plumbline.dev/bus/bustest"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/clock"
)

// issuing returns numbered tokens valid for an hour of the clock.
func issuing(e *exchange, c *clock.Fake) {
	n := 0
	e.set(func() {
		e.token = func(q *proto.ServiceExchange) *proto.TokenAnswer {
			e.mu.Lock()
			defer e.mu.Unlock()
			n++
			return &proto.TokenAnswer{Token: fmt.Sprintf("token %d", n), ExpiresAt: proto.At(c.Now().Add(time.Hour))}
		}
	})
}

func request() ServiceRequest {
	return ServiceRequest{Account: proto.NewAccount(), Token: proto.NewID(), TokenRevision: 3, App: proto.NewID(),
		AppRevision: 4, ClientID: "x.access", ClientSecret: "secret", IP: "192.0.2.1",
		Vouched: &proto.Vouched{Certificate: true}}
}

func TestAServicesTokenIsObtainedOnce(t *testing.T) {
	k, e, c := newCache(t, Config{})
	issuing(e, c)
	q := request()
	get := func(q ServiceRequest, want string) {
		t.Helper()
		if got, err := k.Service(t.Context(), q); err != nil || got != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
	for range 3 {
		get(q, "token 1")
	}
	for n, change := range []func(*ServiceRequest){
		func(q *ServiceRequest) { q.Token = proto.NewID() }, func(q *ServiceRequest) { q.TokenRevision++ },
		func(q *ServiceRequest) { q.App = proto.NewID() }, func(q *ServiceRequest) { q.AppRevision++ },
	} {
		other := q
		change(&other)
		get(other, fmt.Sprintf("token %d", n+2))
	}
	elsewhere := q
	elsewhere.IP, elsewhere.Vouched = "198.51.100.1", nil
	get(elsewhere, "token 1")
	if n := e.count(serviceSubject); n != 5 {
		t.Errorf("asked %d times", n)
	}
}

func TestTheExchangeIsToldEverything(t *testing.T) {
	k, e, _ := newCache(t, Config{})
	k.seen = func() uint64 { return 9 }
	q := request()
	e.set(func() {
		e.token = func(got *proto.ServiceExchange) *proto.TokenAnswer {
			if got.Account != q.Account || got.ClientID != q.ClientID || got.ClientSecret != q.ClientSecret ||
				got.Application != q.App ||
				got.IP != q.IP || got.Vouched != q.Vouched || got.ConfigRevision != 9 || got.TokensRevision != q.TokenRevision {
				t.Errorf("%+v", got)
			}
			return &proto.TokenAnswer{Token: "t", ExpiresAt: proto.At(start.Add(time.Hour))}
		}
	})
	if _, err := k.Service(t.Context(), q); err != nil {
		t.Error(err)
	}
}

// No request waits for a renewal: it happens beside them, once.
func TestATokenIsRenewedAheadOfItsEnd(t *testing.T) {
	k, e, c := newCache(t, Config{})
	issuing(e, c)
	q := request()
	get := func() string {
		t.Helper()
		got, err := k.Service(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	get()
	c.Advance(55*time.Minute - 1)
	get()
	if n := e.count(serviceSubject); n != 1 {
		t.Fatalf("asked %d times before it is due", n)
	}
	gate := make(chan struct{})
	e.set(func() { e.before = gate })
	c.Advance(1)
	for range 100 {
		if got := get(); got != "token 1" {
			t.Fatalf("%q", got)
		}
	}
	close(gate)
	bustest.Eventually(t, "the next token is there", func() bool { return get() == "token 2" })
	if n := e.count(serviceSubject); n != 2 {
		t.Errorf("asked %d times", n)
	}

	// The exchange is away when the next one is due: the existing token is used to its end.
	e.set(func() { e.away = true })
	c.Advance(59 * time.Minute)
	if got := get(); got != "token 2" {
		t.Errorf("%q", got)
	}
	bustest.Eventually(t, "it is asked", func() bool { return e.count(serviceSubject) == 3 })
	get()
	if n := e.count(serviceSubject); n != 3 {
		t.Errorf("asked %d times within a second", n)
	}
	c.Advance(30 * time.Second)
	if got, err := k.Service(t.Context(), q); !errors.Is(err, ErrUnavailable) || got != "" {
		t.Errorf("%q, %v", got, err)
	}
	e.set(func() { e.away = false })
	if got := get(); got != "token 3" {
		t.Errorf("%q", got)
	}
}

func TestAShortTokenIsNotKeptPastItsEnd(t *testing.T) {
	k, e, c := newCache(t, Config{})
	lives := time.Second
	e.set(func() {
		e.token = func(*proto.ServiceExchange) *proto.TokenAnswer {
			return &proto.TokenAnswer{Token: "t", ExpiresAt: proto.At(c.Now().Add(lives))}
		}
	})
	q := request()
	for n := 1; n <= 3; n++ {
		if _, err := k.Service(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		if got := e.count(serviceSubject); got != n {
			t.Errorf("asked %d times, want %d", got, n)
		}
		c.Advance(time.Second)
	}
	lives = 0 // already over: handed on, not kept
	for range 2 {
		if _, err := k.Service(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	if got := e.count(serviceSubject); got != 5 {
		t.Errorf("asked %d times", got)
	}
}

func TestThoseWhoWaitShareOneQuestion(t *testing.T) {
	k, e, c := newCache(t, Config{})
	issuing(e, c)
	gate := make(chan struct{})
	e.set(func() { e.before = gate })
	q := request()
	// The first caller gives up; the others still receive the token.
	first, giveUp := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() { _, err := k.Service(first, q); gone <- err }()
	bustest.Eventually(t, "it is asked", func() bool { return e.count(serviceSubject) == 1 })
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if got, err := k.Service(t.Context(), q); err != nil || got != "token 1" {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	giveUp()
	if err := <-gone; !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	close(gate)
	all.Wait()
	if n := e.count(serviceSubject); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// A denial may depend on the source of a request, so it is neither shared nor cached.
func TestARefusalIsItsOwnRequests(t *testing.T) {
	k, e, _ := newCache(t, Config{})
	gate := make(chan struct{})
	e.set(func() {
		e.before = gate
		e.token = func(q *proto.ServiceExchange) *proto.TokenAnswer {
			if q.IP == "192.0.2.1" {
				return &proto.TokenAnswer{Error: &proto.Error{Code: "denied", Message: "No."}}
			}
			return &proto.TokenAnswer{Token: "t", ExpiresAt: proto.At(start.Add(time.Hour))}
		}
	})
	q := request()
	elsewhere := q
	elsewhere.IP = "198.51.100.1"
	refused := make(chan error)
	go func() { _, err := k.Service(t.Context(), q); refused <- err }()
	bustest.Eventually(t, "the first is asked", func() bool { return e.count(serviceSubject) == 1 })
	served := make(chan error)
	go func() { _, err := k.Service(t.Context(), elsewhere); served <- err }()
	close(gate)
	var why *proto.Error
	if err := <-refused; !errors.As(err, &why) || why.Code != "denied" {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func TestKeptTokensAreBounded(t *testing.T) {
	k, e, c := newCache(t, Config{Obtained: 16})
	issuing(e, c)
	q := request()
	for range 40 {
		q.Token = proto.NewID()
		if _, err := k.Service(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		if n := len(k.services.kept); n > 16 {
			t.Fatalf("%d are kept", n)
		}
	}
	c.Advance(time.Hour)
	q.Token = proto.NewID()
	for range 4 { // the ended ones make room for the rest
		if _, err := k.Service(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		q.Token = proto.NewID()
	}
	if n := len(k.services.kept); n > 16 {
		t.Errorf("%d are kept", n)
	}
}

func TestPeopleAndAnswersWithoutAToken(t *testing.T) {
	k, e, _ := newCache(t, Config{})
	if a, err := k.User(t.Context(), &proto.UserExchange{}); err != nil || a.Token == "" {
		t.Errorf("%v, %v", a, err)
	}
	e.set(func() {
		e.token = func(*proto.ServiceExchange) *proto.TokenAnswer { return &proto.TokenAnswer{} }
	})
	if _, err := k.Service(t.Context(), request()); !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
	e.set(func() { e.away = true })
	if _, err := k.User(t.Context(), &proto.UserExchange{}); !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
}

func BenchmarkService(b *testing.B) {
	k, e, c := newCache(b, Config{})
	issuing(e, c)
	q := request()
	ctx := b.Context()
	if _, err := k.Service(ctx, q); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := k.Service(ctx, q); err != nil {
				b.Error(err)
			}
		}
	})
}

// While the exchange has not seen the newest configuration, it is asked again.
func TestALaggingExchangeIsAskedAgain(t *testing.T) {
	k, e, c := newCache(t, Config{})
	n := 0
	e.set(func() {
		e.token = func(*proto.ServiceExchange) *proto.TokenAnswer {
			if n++; n < 3 {
				return &proto.TokenAnswer{Error: &proto.Error{Code: proto.CodeLagging}}
			}
			return &proto.TokenAnswer{Token: "t", ExpiresAt: proto.At(c.Now().Add(time.Hour))}
		}
	})
	if token, err := k.Service(t.Context(), request()); token != "t" || err != nil || n != 3 {
		t.Errorf("%q, %v after %d requests", token, err, n)
	}
}
