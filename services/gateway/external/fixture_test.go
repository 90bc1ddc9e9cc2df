package external

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/egress"
	"plumbline.dev/services/internal/policy"
)

// Making RSA keys is slow; these are made once. account is the account's own, the others are the endpoint's.
var account, theirs, other = newKey(2048), newKey(2048), newKey(2048)

func newKey(bits int) *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return key
}

func sign(t testing.TB, key any, alg jose.SignatureAlgorithm, kid string, payload []byte) string {
	t.Helper()
	o := new(jose.SignerOptions)
	if kid != "" {
		o.WithHeader("kid", kid)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, o)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := s.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// asked holds the claims of the request that an endpoint received.
type asked struct {
	Type     string          `json:"type"`
	Identity json.RawMessage `json:"identity"`
	Nonce    string          `json:"nonce"`
}

// api is an endpoint as Cloudflare's example worker is one, and its keys.
type api struct {
	t       *testing.T
	url     string
	calls   atomic.Int32
	fetches atomic.Int32
	mu      sync.Mutex
	last    asked
	// Settings changed by tests.
	answer func(w http.ResponseWriter, q asked)
	keys   func() any
}

func newAPI(t *testing.T) *api {
	a := &api{t: t}
	a.answer = func(w http.ResponseWriter, q asked) { a.say(w, a.token(theirs, "k1", q.Nonce, true)) }
	a.keys = func() any { return jwks("k1", theirs) }
	s := httptest.NewServer(a)
	t.Cleanup(s.Close)
	a.url = s.URL
	return a
}

func jwks(kid string, key *rsa.PrivateKey) any {
	return map[string]any{"keys": []any{jose.JSONWebKey{Key: &key.PublicKey, KeyID: kid, Algorithm: "RS256"}}}
}

func (a *api) token(key *rsa.PrivateKey, kid, nonce string, success bool) string {
	now := time.Now().Unix()
	return sign(a.t, key, jose.RS256, kid,
		fmt.Appendf(nil, `{"success":%t,"iat":%d,"exp":%d,"nonce":%q}`, success, now, now+60, nonce))
}

func (a *api) say(w http.ResponseWriter, token string) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]string{"token": token})
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/keys" {
		a.fetches.Add(1)
		a.mu.Lock()
		keys := a.keys()
		a.mu.Unlock()
		json.NewEncoder(w).Encode(keys)
		return
	}
	a.calls.Add(1)
	var body struct{ Token string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || r.Method != "POST" ||
		r.Header.Get("Content-Type") != "application/json" {
		a.t.Errorf("asked with %s %s: %v", r.Method, r.Header, err)
	}
	signed, err := jose.ParseSignedCompact(body.Token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		a.t.Error(err)
		return
	}
	payload, err := signed.Verify(&account.PublicKey)
	if err != nil {
		a.t.Error("the question is not signed with the account's key")
	}
	var q asked
	if err := json.Unmarshal(payload, &q); err != nil {
		a.t.Error(err)
	}
	a.mu.Lock()
	a.last = q
	answer := a.answer
	a.mu.Unlock()
	answer(w, q)
}

func (a *api) rule() policy.Evaluation {
	return policy.Evaluation{EvaluateURL: a.url + "/?secret=SECRET", KeysURL: a.url + "/keys"}
}

func (a *api) become(change func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change()
}

// signer plays the exchange.
type signer struct {
	t    *testing.T
	fail atomic.Bool
}

func (s *signer) Statement(_ context.Context, q *proto.Statement) (string, error) {
	if s.fail.Load() {
		return "", errors.New("the exchange is away")
	}
	if q.Kind != proto.StatementExternal || q.Nonce == "" || !strings.HasPrefix(q.Audience, "http") {
		s.t.Errorf("to sign: %+v", q)
	}
	payload, err := json.Marshal(map[string]any{"type": q.Kind, "aud": q.Audience, "identity": q.Identity,
		"nonce": q.Nonce})
	if err != nil {
		return "", err
	}
	return sign(s.t, account, jose.RS256, "account", payload), nil
}

type fixture struct {
	*Evaluator
	signer *signer
	clock  *clock.Fake
}

func newFixture(t *testing.T, cfg Config) *fixture {
	t.Helper()
	client, err := egress.New(egress.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	w := &fixture{signer: &signer{t: t}, clock: clock.NewFake(time.Now())}
	w.Evaluator, err = New(cfg, Deps{Signer: w.signer, Client: client, Log: slog.New(slog.DiscardHandler),
		Metrics: prometheus.NewRegistry(), Clock: w.clock})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *fixture) count(result string) int {
	return int(testutil.ToFloat64(w.metrics.evaluations.WithLabelValues(result)))
}

func person(name string) *Ask {
	return &Ask{Account: proto.Account{1}, Application: proto.ID{2}, Host: "app.example.com",
		IP: netip.MustParseAddr("192.0.2.7"), Session: &proto.Session{Nonce: "n-" + name, User: proto.ID{3},
			Email: name + "@example.com", IDP: proto.ID{4}, AMR: []string{"pwd"},
			Claims: json.RawMessage(`{"groups":["a"]}`), Country: "DE", StartedAt: 1_700_000_000_000}}
}

// want asserts the answer to a rule: "yes", "no" or "unknown".
func (w *fixture) want(t *testing.T, ask *Ask, r policy.Evaluation, want string) {
	t.Helper()
	got := "unknown"
	if yes, known := w.Evaluate(t.Context(), ask, []policy.Evaluation{r})[r]; known {
		got = map[bool]string{true: "yes", false: "no"}[yes]
	}
	if got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
