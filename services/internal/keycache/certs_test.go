package keycache

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"plumbline.dev/services/internal/clock"

	"plumbline.dev/bus/bustest"
)

func TestWhatKeysCount(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	public := &pairOf("one").PublicKey
	doc := func(keys ...jose.JSONWebKey) []byte {
		data, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	for _, c := range []struct {
		name string
		doc  []byte
		want int
	}{
		{"as the exchange writes it", document("one", "two"), 2},
		{"the same twice", document("one", "one"), 1},
		{"no algorithm, no use", doc(jose.JSONWebKey{Key: public, KeyID: "a"}), 1},
		{"for encryption", doc(jose.JSONWebKey{Key: public, KeyID: "a", Use: "enc"}), 0},
		{"of another algorithm", doc(jose.JSONWebKey{Key: public, KeyID: "a", Algorithm: "RS512"}), 0},
		{"a shared secret", doc(jose.JSONWebKey{Key: []byte("secret"), KeyID: "a", Algorithm: "HS256"}), 0},
		{"too short", doc(jose.JSONWebKey{Key: &weak.PublicKey, KeyID: "a"}), 0},
		{"no id", doc(jose.JSONWebKey{Key: public}), 0},
		{"two of one id", doc(jose.JSONWebKey{Key: public, KeyID: "a"}, jose.JSONWebKey{Key: &pairOf("two").PublicKey, KeyID: "a"}), 0},
		{"none", []byte(`{"keys":[]}`), 0},
		{"nothing", nil, 0},
		{"a page", []byte("<html>"), 0},
		{"very many", []byte(`{"keys":[` +
			strings.Repeat(strings.TrimSuffix(strings.TrimPrefix(string(document("one")), `{"keys":[`), `]}`)+",", maxKeys) +
			strings.TrimPrefix(string(document("one")), `{"keys":[`)), 0},
	} {
		s, err := parseCerts(c.doc, nil)
		if (err == nil) != (c.want > 0) || (err == nil && len(s.byID) != c.want) {
			t.Errorf("%s: %+v, %v", c.name, s, err)
		}
	}
}

func TestNothingIsVerifiedBeforeKeysAreKnown(t *testing.T) {
	e := &exchange{asked: map[string]int{}, away: true}
	k, err := New(Config{Issuer: issuer}, Deps{Bus: e, Log: bustest.Log(t), Clock: clock.NewFake(start)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Verify(sign(t, "one", good()), aud); !errors.Is(err, ErrNoKeys) {
		t.Error(err)
	}
	if _, ok := k.Certs(); ok || !k.Confirmed().IsZero() {
		t.Error("certs before the first")
	}
	if _, err := k.Part().Confirm(t.Context()); !errors.Is(err, ErrNoKeys) {
		t.Error(err)
	}
	if _, err := New(Config{}, Deps{Clock: clock.System}); err == nil {
		t.Error("a key cache without an issuer")
	}
}

// What a bad answer, or none, leaves behind is what was known.
func TestTheLastKnownKeysStay(t *testing.T) {
	k, e, c := newCache(t, Config{})
	token := sign(t, "one", good())
	for _, certs := range []string{"", "{}", `{"keys":[{"kty":"oct","k":"AAAA","kid":"one"}]}`} {
		e.set(func() { e.certs = []byte(certs) })
		c.Advance(time.Second)
		if err := k.refresh(t.Context()); err == nil {
			t.Errorf("%q was taken", certs)
		}
	}
	e.set(func() { e.away = true })
	if err := k.refresh(t.Context()); err == nil {
		t.Error("nobody answered")
	}
	if _, err := k.Verify(token, aud); err != nil {
		t.Error(err)
	}
	if d, ok := k.Certs(); !ok || string(d) != string(document("one")) {
		t.Errorf("%q", d)
	}
	if !k.Confirmed().Equal(start) {
		t.Errorf("confirmed at %v", k.Confirmed())
	}
	if at, err := k.Part().Confirm(t.Context()); err != nil || !at.Equal(start.Add(3*time.Second)) {
		t.Errorf("%v, %v", at, err)
	}
	c.Advance(time.Minute)
	if _, err := k.Part().Confirm(t.Context()); !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
}

// A verified token counts as long as its key is published, with the same key.
func TestATokenEndsWithItsKey(t *testing.T) {
	k, e, _ := newCache(t, Config{})
	one, two := sign(t, "one", good()), sign(t, "two", good())
	check := func(token string, want error) {
		t.Helper()
		if _, err := k.Verify(token, aud); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	refresh := func(certs []byte) {
		t.Helper()
		e.set(func() { e.certs = certs })
		if err := k.refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	check(one, nil)
	check(two, ErrUnknownKey)
	refresh(document("two", "one")) // during a rotation
	before := k.keys.Load().byID["one"]
	check(one, nil)
	check(two, nil)
	refresh(document("one", "two"))
	if k.keys.Load().byID["one"] != before {
		t.Error("a key that stays is another, so that its tokens are verified anew")
	}
	refresh(document("two"))
	check(one, ErrUnknownKey)
	check(two, nil)
	other, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &pairOf("one").PublicKey, KeyID: "two"}}})
	if err != nil {
		t.Fatal(err)
	}
	refresh(other)
	check(two, ErrBadSignature)
}

func TestRunAsksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &exchange{asked: map[string]int{}, certs: document("one"), away: true}
		k, err := New(Config{Issuer: issuer}, Deps{Bus: e, Log: bustest.Log(t), Clock: clock.System})
		if err != nil {
			t.Fatal(err)
		}
		stop := bustest.Run(t, k.Run)
		asked := func(after time.Duration, want int, what string) {
			t.Helper()
			<-time.After(after)
			synctest.Wait()
			if got := e.count(certsSubject); got != want {
				t.Errorf("%s: asked %d times, want %d", what, got, want)
			}
		}
		asked(0, 1, "at first")
		asked(100*time.Millisecond, 3, "and soon again")
		asked(2400*time.Millisecond, 8, "while it is away") // at 2.26 s the last time, then each second
		e.set(func() { e.away = false })
		asked(time.Second, 9, "when it is back")
		asked(14*time.Second, 9, "before its time")
		asked(time.Second, 10, "in its time")
		for range 100 {
			if _, err := k.Verify(sign(t, "two", good()), aud); !errors.Is(err, ErrUnknownKey) {
				t.Fatal(err)
			}
		}
		asked(time.Second, 11, "because of an unknown key")
		e.set(func() { e.certs = document("one", "two") })
		for range 100 {
			_, _ = k.Verify(sign(t, "two", good()), aud)
		}
		asked(499*time.Millisecond, 11, "not twice within a second")
		asked(300*time.Millisecond, 12, "a second later")
		if _, err := k.Verify(sign(t, "two", m{"type": "app", "aud": aud, "iss": issuer, "iat": time.Now().Unix(),
			"exp": time.Now().Unix() + 60}), aud); err != nil {
			t.Error(err)
		}
		stop()
	})
}
