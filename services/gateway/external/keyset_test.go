package external

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func TestKeys(t *testing.T) {
	newAsk := func() func() *Ask {
		n := 0
		return func() *Ask { n++; return person(fmt.Sprint(n)) }
	}
	t.Run("are fetched once, and again when a new one is named", func(t *testing.T) {
		w, a, ask := newFixture(t, Config{}), newAPI(t), newAsk()
		for range 3 {
			w.want(t, ask(), a.rule(), "yes")
		}
		a.become(func() {
			a.answer = func(rw http.ResponseWriter, q asked) { a.say(rw, a.token(other, "k2", q.Nonce, true)) }
			a.keys = func() any { return jwks("k2", other) }
		})
		w.want(t, ask(), a.rule(), "unknown") // too soon
		if n := a.fetches.Load(); n != 1 {
			t.Errorf("%d fetches", n)
		}
		w.clock.Advance(keysRetry)
		w.want(t, ask(), a.rule(), "yes")
		a.become(func() {
			a.answer = func(rw http.ResponseWriter, q asked) { a.say(rw, a.token(theirs, "k1", q.Nonce, true)) }
		})
		w.want(t, ask(), a.rule(), "unknown") // the withdrawn key
		if n := a.fetches.Load(); n != 2 {
			t.Errorf("%d fetches", n)
		}
	})
	t.Run("go on for a day without their URL", func(t *testing.T) {
		w, a, ask := newFixture(t, Config{}), newAPI(t), newAsk()
		a.answer = func(rw http.ResponseWriter, q asked) {
			a.say(rw, sign(t, theirs, jose.RS256, "k1",
				fmt.Appendf(nil, `{"success":true,"exp":%d,"nonce":%q}`, w.clock.Now().Unix()+60, q.Nonce)))
		}
		w.want(t, ask(), a.rule(), "yes")
		a.become(func() { a.keys = func() any { return "gone" } })
		w.clock.Advance(keysKeptFor - time.Second)
		w.want(t, ask(), a.rule(), "yes")
		w.clock.Advance(keysRetry)
		w.want(t, ask(), a.rule(), "unknown")
		a.become(func() { a.keys = func() any { return jwks("k1", theirs) } })
		w.clock.Advance(keysRetry)
		w.want(t, ask(), a.rule(), "yes")
	})
	t.Run("without an id, one alone", func(t *testing.T) {
		w, a, ask := newFixture(t, Config{}), newAPI(t), newAsk()
		a.answer = func(rw http.ResponseWriter, q asked) { a.say(rw, a.token(theirs, "", q.Nonce, true)) }
		a.keys = func() any { return jwks("", theirs) }
		w.want(t, ask(), a.rule(), "yes")
		both := map[string]any{"keys": append(jwks("1", theirs).(map[string]any)["keys"].([]any),
			jwks("2", other).(map[string]any)["keys"].([]any)...)}
		a.become(func() { a.keys = func() any { return both } })
		w.clock.Advance(keysFreshFor)
		w.want(t, ask(), a.rule(), "unknown")
	})
	small, many := newKey(1024), make([]any, maxKeys+1)
	for i := range many {
		many[i] = jose.JSONWebKey{Key: &theirs.PublicKey, KeyID: "k1"}
	}
	for name, keys := range map[string]any{
		"too short":      jwks("k1", small),
		"encryption's":   map[string]any{"keys": []any{jose.JSONWebKey{Key: &theirs.PublicKey, KeyID: "k1", Use: "enc"}}},
		"of another use": map[string]any{"keys": []any{jose.JSONWebKey{Key: &theirs.PublicKey, KeyID: "k1", Algorithm: "RS512"}}},
		"symmetric":      map[string]any{"keys": []any{jose.JSONWebKey{Key: []byte("secret"), KeyID: "k1"}}},
		"too many":       map[string]any{"keys": many},
		"none":           map[string]any{"keys": []any{}},
		"no set":         "k1",
	} {
		t.Run("of no use: "+name, func(t *testing.T) {
			w, a := newFixture(t, Config{}), newAPI(t)
			a.keys = func() any { return keys }
			w.want(t, person("bob"), a.rule(), "unknown")
			if w.count(badKeys) != 1 {
				t.Error("not counted")
			}
		})
	}
}
