package sample_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/prometheus/client_golang/prometheus"
	"pgregory.net/rapid"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/sample"
)

const aud = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

// issuer is a team domain of the test's own.
type issuer struct {
	*httptest.Server
	key  *rsa.PrivateKey
	down bool
}

func newIssuer(t testing.TB) *issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{key: key}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if i.down || r.URL.Path != "/cdn-cgi/access/certs" {
			http.Error(w, "away", http.StatusServiceUnavailable)
			return
		}
		json.NewEncoder(w).Encode(
			jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &key.PublicKey, KeyID: "k", Algorithm: "RS256", Use: "sig"}}})
	}))
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) token(t testing.TB, key any, alg jose.SignatureAlgorithm, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: "k"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	s, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

type api struct {
	*sample.Service
	*issuer
	t     testing.TB
	clock *clock.Fake
	token string
}

func newAPI(t testing.TB, change func(*sample.Config)) *api {
	t.Helper()
	a := &api{t: t, issuer: newIssuer(t), clock: clock.NewFake(time.Unix(1_800_000_000, 0))}
	cfg := sample.Config{Issuer: a.URL, Audience: aud}
	if change != nil {
		change(&cfg)
	}
	s, err := sample.New(cfg, sample.Deps{Log: bustest.Log(t), Metrics: prometheus.NewRegistry(), Clock: a.clock})
	if err != nil {
		t.Fatal(err)
	}
	a.Service = s
	a.token = a.issuer.token(t, a.key, jose.RS256, a.claims())
	return a
}

func (a *api) claims() map[string]any {
	return map[string]any{"iss": a.URL, "aud": aud, "exp": a.clock.Now().Unix() + 3600, "iat": a.clock.Now().Unix(),
		"sub": "", "type": "app", "common_name": "x.access"}
}

func (a *api) post(body string, tokens ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(a.t.Context(), "POST", "/", strings.NewReader(body))
	for _, token := range tokens {
		r.Header.Add(sample.AssertionHeader, token)
	}
	w := httptest.NewRecorder()
	a.Handler().ServeHTTP(w, r)
	return w
}

type scores map[string]struct {
	S2SID string `json:"s2s_id"`
	Score int    `json:"score"`
}

func (a *api) ask(ids ...string) scores {
	a.t.Helper()
	devices := []map[string]string{}
	for _, id := range ids {
		devices = append(devices, map[string]string{"device_id": id, "email": "", "serial_number": "s", "mac_address": "",
			"virtual_ipv4": "", "hostname": "東京"})
	}
	body, err := json.Marshal(map[string]any{"devices": devices})
	if err != nil {
		a.t.Fatal(err)
	}
	w := a.post(string(body), a.token)
	var answer struct{ Result scores }
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != 200 ||
		w.Header().Get("Content-Type") != "application/json" {
		a.t.Fatalf("%d %v %s: %v", w.Code, w.Header(), w.Body, err)
	}
	return answer.Result
}

func someIDs(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = proto.DeriveID(proto.Account{}, fmt.Sprint(i)).String()
	}
	return ids
}

func TestScoresEveryDevice(t *testing.T) {
	a := newAPI(t, nil)
	ids := someIDs(sample.MaxDevices)
	got := a.ask(ids...)
	if len(got) != len(ids) {
		t.Fatalf("%d of %d", len(got), len(ids))
	}
	seen := map[string]bool{}
	for id, s := range got {
		if s.Score < 0 || s.Score > 100 || s.S2SID == "" || seen[s.S2SID] {
			t.Errorf("%s: %+v", id, s)
		}
		seen[s.S2SID] = true
	}
	again := a.ask(ids[0])
	if again[ids[0]] != got[ids[0]] {
		t.Errorf("the same device at the same time: %+v, %+v", got[ids[0]], again[ids[0]])
	}
	if w := a.post(`{"devices":[]}`, a.token); w.Code != 200 || w.Body.String() != `{"result":{}}` {
		t.Errorf("no devices: %d %s", w.Code, w.Body)
	}
}

func TestChecksTheToken(t *testing.T) {
	a := newAPI(t, nil)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	with := func(key string, value any) string {
		c := a.claims()
		c[key] = value
		return a.issuer.token(t, a.key, jose.RS256, c)
	}
	none := "eyJhbGciOiJub25lIn0." + strings.Split(a.token, ".")[1] + "."
	for _, c := range []struct {
		name   string
		tokens []string
		status int
		code   string
	}{
		{"no token", nil, 403, "token_missing"},
		{"an empty token", []string{""}, 403, "token_invalid"},
		{"not a token", []string{"x"}, 403, "token_invalid"},
		{"two tokens", []string{a.token, a.token}, 403, "token_invalid"},
		{"another key", []string{a.issuer.token(t, other, jose.RS256, a.claims())}, 403, "token_invalid"},
		{"another algorithm of the same key", []string{a.issuer.token(t, a.key, jose.PS256, a.claims())}, 403, "token_invalid"},
		{"the public key as a secret", []string{a.issuer.token(t, a.key.N.Bytes(), jose.HS256, a.claims())}, 403, "token_invalid"},
		{"no signature", []string{none}, 403, "token_invalid"},
		{"another issuer", []string{with("iss", a.URL+"/")}, 403, "token_invalid"},
		{"another audience", []string{with("aud", "b")}, 403, "token_invalid"},
		{"expired", []string{with("exp", a.clock.Now().Unix()-1)}, 403, "token_invalid"},
		{"one of several audiences", []string{with("aud", []string{"b", aud})}, 200, ""},
		{"good", []string{a.token}, 200, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := a.post(`{"devices":[]}`, c.tokens...)
			if w.Code != c.status || (c.code != "" && !strings.Contains(w.Body.String(), `"`+c.code+`"`)) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			for _, token := range c.tokens {
				if len(token) > 10 && strings.Contains(w.Body.String(), token) {
					t.Error("the answer holds the token")
				}
			}
		})
	}
}

func TestTheAudienceComesLater(t *testing.T) {
	a := newAPI(t, func(c *sample.Config) { c.Audience = "" })
	if w := a.post(`{"devices":[]}`, a.token); w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	a.SetAudience(aud)
	if w := a.post(`{"devices":[]}`, a.token); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	a.SetAudience("b")
	if w := a.post(`{"devices":[]}`, a.token); w.Code != 403 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// That the keys cannot be fetched is nobody's fault who brings a token.
func TestKeysThatAreAway(t *testing.T) {
	a := newAPI(t, nil)
	a.down = true
	if w := a.post(`{"devices":[]}`, a.token); w.Code != 503 || !strings.Contains(w.Body.String(), "keys_unavailable") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	// The library may answer once more with the failure, or not have kept the keys yet: it clears up after it has
	// answered.
	answered := func() bool { return a.post(`{"devices":[]}`, a.token).Code == 200 }
	a.down = false
	bustest.Eventually(t, "the keys are fetched", answered)
	// Keys once fetched are kept.
	a.down = true
	bustest.Eventually(t, "the keys that were fetched are used", answered)
}

func TestRefusesWhatIsNotARequest(t *testing.T) {
	a := newAPI(t, nil)
	many, err := json.Marshal(map[string]any{"devices": make([]struct {
		ID string `json:"device_id"`
	}, sample.MaxDevices+1)})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		body   string
		status int
		code   string
	}{
		{``, 400, "malformed"}, {`[]`, 400, "malformed"}, {`{}`, 400, "malformed"}, {`{"devices":null}`, 400, "malformed"},
		{`{"devices":[{}]}`, 400, "no_device_id"}, {`{"devices":[{"device_id":7}]}`, 400, "malformed"},
		{`{"devices":[],"devices":[]}`, 400, "malformed"}, {`{"devices":[]} x`, 400, "malformed"},
		{string(many), 400, "too_many"}, {`{"devices":[` + strings.Repeat(" ", sample.MaxBody), 413, "too_large"},
	} {
		if w := a.post(c.body, a.token); w.Code != c.status || !strings.Contains(w.Body.String(), c.code) {
			t.Errorf("%.40q: %d %s", c.body, w.Code, w.Body)
		}
	}
	for _, c := range []struct {
		method, path string
		status       int
	}{{"GET", "/", 405}, {"PUT", "/", 405}, {"POST", "/x", 404}, {"GET", "/healthz", 200}} {
		w := httptest.NewRecorder()
		a.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), c.method, c.path, nil))
		if w.Code != c.status {
			t.Errorf("%s %s: %d", c.method, c.path, w.Code)
		}
	}
}

func TestSomeDevicesAreMissing(t *testing.T) {
	ids := someIDs(1000)
	a := newAPI(t, func(c *sample.Config) { c.Missing = 0.05 })
	if n := len(a.ask(ids...)); n < 920 || n > 980 {
		t.Errorf("%d of 1,000 are known", n)
	}
	if a := newAPI(t, func(c *sample.Config) { c.Missing = 1 }); len(a.ask(ids...)) != 0 {
		t.Error("some are known")
	}
}

func TestScoresAreBoundedAndSteady(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.String().Draw(t, "id")
		at := time.Unix(rapid.Int64Range(-1e9, 4e9).Draw(t, "at"), 0)
		before, after := sample.Score(id, at), sample.Score(id, at.Add(time.Second))
		if before < 0 || before > 100 || before != sample.Score(id, at.Add(999*time.Millisecond)) {
			t.Fatal(before)
		}
		if math.Abs(float64(after-before)) > 2 {
			t.Fatalf("from %d to %d in a second", before, after)
		}
	})
}

// With a poll every five seconds some devices cross the demo's thresholds at each, and not many; most pass.
func TestChangesKeepComing(t *testing.T) {
	ids, start := someIDs(sample.DeviceCount), time.Unix(1_800_000_000, 0)
	for _, threshold := range []int{20, 50, 60, 80} {
		passed := 0
		for poll := range 40 {
			at := start.Add(time.Duration(poll) * 5 * time.Second)
			changed := 0
			for _, id := range ids {
				now := sample.Score(id, at) >= threshold
				if now != (sample.Score(id, at.Add(-5*time.Second)) >= threshold) {
					changed++
				}
				if now {
					passed++
				}
			}
			if changed < 2 || changed > len(ids)/20 {
				t.Errorf("poll %d: %d of %d devices cross %d", poll, changed, len(ids), threshold)
			}
		}
		t.Logf("threshold %d: %d %% pass", threshold, passed*100/40/len(ids))
	}
}

func TestServesAndStops(t *testing.T) {
	a := newAPI(t, func(c *sample.Config) { c.Addr = "127.0.0.1:0" })
	stop := bustest.Run(t, a.Run)
	bustest.Eventually(t, "the API listens", func() bool { return a.Addr() != "" })
	q, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+a.Addr(),
		bytes.NewReader([]byte(`{"devices":[]}`)))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set(sample.AssertionHeader, a.token)
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if body, err := io.ReadAll(r.Body); err != nil || string(body) != `{"result":{}}` {
		t.Errorf("%s, %v", body, err)
	}
	stop()
}

func TestLatency(t *testing.T) {
	a := newAPI(t, func(c *sample.Config) { c.Latency = time.Minute })
	answered := make(chan int)
	go func() { answered <- a.post(`{"devices":[]}`, a.token).Code }()
	code := 0
	bustest.Eventually(t, "an answer", func() bool {
		a.clock.Advance(time.Second)
		select {
		case code = <-answered:
			return true
		default:
			return false
		}
	})
	if code != 200 {
		t.Error(code)
	}
	if since := a.clock.Now().Sub(time.Unix(1_800_000_000, 0)); since < time.Minute {
		t.Errorf("answered after %v", since)
	}
}

func TestConfiguration(t *testing.T) {
	for _, cfg := range []sample.Config{{}, {Issuer: "team"}, {Issuer: "http://t", Missing: 2},
		{Issuer: "http://t", Missing: math.NaN()},
		{Issuer: "http://t", Latency: -1}, {Issuer: "http://t", CertsURL: "file:///etc/passwd"}} {
		if _, err := sample.New(cfg,
			sample.Deps{Log: bustest.Log(t), Metrics: prometheus.NewRegistry(), Clock: clock.System}); err == nil {
			t.Errorf("%+v is accepted", cfg)
		}
	}
}

func BenchmarkPage(b *testing.B) {
	a := newAPI(b, nil)
	ids := someIDs(1000)
	for b.Loop() {
		a.ask(ids...)
	}
}
