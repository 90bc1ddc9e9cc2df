package keycache

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/clock"
)

const (
	issuer = "https://team.example"
	aud    = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
)

var start = time.Unix(1_800_000_000, 0)

// keyPairs are generated once, because generating them is slow.
var keyPairs = sync.OnceValue(func() [2]*rsa.PrivateKey {
	var pairs [2]*rsa.PrivateKey
	for i := range pairs {
		pairs[i], _ = rsa.GenerateKey(rand.Reader, 2048)
	}
	return pairs
})

// exchange answers as the exchange does.
type exchange struct {
	mu     sync.Mutex
	certs  []byte
	away   bool
	asked  map[string]int
	token  func(q *proto.ServiceExchange) *proto.TokenAnswer
	before chan struct{} // where it is set, each answer to a service waits for it
	// life and clock say how long other tokens are good for; not set: they are not to be kept.
	life  time.Duration
	clock *clock.Fake
}

func (e *exchange) Request(ctx context.Context, subject string, body, reply proto.Message) error {
	e.mu.Lock()
	e.asked[subject]++
	n, certs, away, token, before := e.asked[subject], e.certs, e.away, e.token, e.before
	e.mu.Unlock()
	if away {
		return errors.New("nobody answers")
	}
	switch q := body.(type) {
	case *proto.CertsQuery:
		reply.(*proto.CertsAnswer).Certs = certs
	case *proto.ServiceExchange:
		if before != nil {
			select {
			case <-before:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		*reply.(*proto.TokenAnswer) = *token(q)
	default:
		answer := reply.(*proto.TokenAnswer)
		if answer.Token = fmt.Sprintf("%s %d", subject, n); e.life > 0 {
			answer.ExpiresAt = proto.At(e.clock.Now().Add(e.life))
		}
	}
	return nil
}

func (e *exchange) count(subject string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.asked[subject]
}

func (e *exchange) set(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f()
}

func document(kids ...string) []byte {
	var set jose.JSONWebKeySet
	for _, kid := range kids {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: &pairOf(kid).PublicKey, KeyID: kid, Algorithm: "RS256", Use: "sig"})
	}
	data, err := json.Marshal(set)
	if err != nil {
		panic(err)
	}
	return data
}

// pairOf is the key pair of "one", or of "two".
func pairOf(kid string) *rsa.PrivateKey {
	if kid == "one" {
		return keyPairs()[0]
	}
	return keyPairs()[1]
}

// newCache knows key "one".
func newCache(t testing.TB, cfg Config) (*Cache, *exchange, *clock.Fake) {
	t.Helper()
	e := &exchange{asked: map[string]int{}, certs: document("one")}
	c := clock.NewFake(start)
	cfg.Issuer = issuer
	k, err := New(cfg, Deps{Bus: e, Log: bustest.Log(t), Clock: c})
	if err != nil {
		t.Fatal(err)
	}
	if err := k.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	return k, e, c
}

type m = map[string]any

// good returns the claims of a valid application token.
func good(change ...func(m)) m {
	c := m{"type": "app", "aud": []string{aud}, "iss": issuer, "iat": start.Unix(), "exp": start.Unix() + 3600, "sub": "",
		"common_name": "x.access"}
	for _, f := range change {
		f(c)
	}
	return c
}

func set(name string, v any) func(m) { return func(c m) { c[name] = v } }
func drop(name string) func(m)       { return func(c m) { delete(c, name) } }

// sign makes a token as the exchange does.
func sign(t testing.TB, kid string, claims any) string {
	t.Helper()
	return signWith(t, jose.RS256, jose.JSONWebKey{Key: pairOf(kid), KeyID: kid}, (&jose.SignerOptions{}).WithType("JWT"),
		claims)
}

func signWith(t testing.TB, alg jose.SignatureAlgorithm, key any, o *jose.SignerOptions, claims any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, o)
	if err != nil {
		t.Fatal(err)
	}
	payload, ok := claims.([]byte)
	if !ok {
		if payload, err = json.Marshal(claims); err != nil {
			t.Fatal(err)
		}
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

var serviceSubject, statementSubject, certsSubject = topology.ExchangeService, topology.Statements, topology.Certs
