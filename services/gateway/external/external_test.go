package external

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/policy"
)

func TestAnEndpointIsAsked(t *testing.T) {
	w, a := newFixture(t, Config{}), newAPI(t)
	w.want(t, person("bob"), a.rule(), "yes")
	var who map[string]any
	if err := json.Unmarshal(a.last.Identity, &who); err != nil {
		t.Fatal(err)
	}
	if a.last.Type != "external" || who["email"] != "bob@example.com" || who["ip"] != "192.0.2.7" || who["iat"] != 1.7e9 ||
		who["idp"].(map[string]any)["id"] != (proto.ID{4}).String() || who["geo"].(map[string]any)["country"] != "DE" ||
		who["oidc_fields"].(map[string]any)["groups"] == nil || who["app"].(map[string]any)["hostname"] != "app.example.com" {
		t.Errorf("asked about %s", a.last.Identity)
	}
	a.become(func() {
		a.answer = func(rw http.ResponseWriter, q asked) { a.say(rw, a.token(theirs, "k1", q.Nonce, false)) }
	})
	eve := person("eve")
	eve.Device = proto.ID{8}
	w.want(t, eve, a.rule(), "no")
	if err := json.Unmarshal(a.last.Identity, &who); err != nil || who["device_id"] != (proto.ID{8}).String() ||
		who["email"] != "eve@example.com" {
		t.Errorf("asked about %s, %v", a.last.Identity, err)
	}
	w.want(t, &Ask{IP: netip.MustParseAddr("192.0.2.7")}, a.rule(), "unknown") // about nobody
	if n := a.calls.Load(); n != 2 || w.count("yes") != 1 || w.count("no") != 1 {
		t.Errorf("%d calls, %d yes, %d no", n, w.count("yes"), w.count("no"))
	}
}

func TestAnswersAreKept(t *testing.T) {
	w, a := newFixture(t, Config{}), newAPI(t)
	calls := func(want int) {
		t.Helper()
		if n := int(a.calls.Load()); n != want {
			t.Errorf("%d calls, want %d", n, want)
		}
	}
	for range 3 {
		w.want(t, person("bob"), a.rule(), "yes")
	}
	calls(1)
	w.want(t, person("eve"), a.rule(), "yes")
	moved := person("bob")
	moved.IP = netip.MustParseAddr("192.0.2.8")
	w.want(t, moved, a.rule(), "yes")
	again := person("bob")
	again.Session.Nonce = "another session"
	w.want(t, again, a.rule(), "yes")
	calls(4)
	w.clock.Advance(50 * time.Second)
	w.want(t, person("bob"), a.rule(), "yes")
	calls(4)
	a.become(func() { // its own lifetime is short
		a.answer = func(rw http.ResponseWriter, q asked) {
			a.say(rw, sign(t, theirs, jose.RS256, "k1",
				fmt.Appendf(nil, `{"success":true,"exp":%d,"nonce":%q}`, w.clock.Now().Unix()+3, q.Nonce)))
		}
	})
	w.clock.Advance(10 * time.Second)
	w.want(t, person("bob"), a.rule(), "yes")
	calls(5)
	w.clock.Advance(4 * time.Second)
	w.want(t, person("bob"), a.rule(), "yes")
	calls(6)
}

// Every invalid response makes the rule unknown.
func TestAnswersThatProveNothing(t *testing.T) {
	now := time.Now().Unix()
	good := func(nonce string) []byte {
		return fmt.Appendf(nil, `{"success":true,"iat":%d,"exp":%d,"nonce":%q}`, now, now+60, nonce)
	}
	b64 := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	var replayed string
	for name, token := range map[string]func(t *testing.T, q asked) string{
		"another key under the same id":  func(t *testing.T, q asked) string { return sign(t, other, jose.RS256, "k1", good(q.Nonce)) },
		"a key id that is not published": func(t *testing.T, q asked) string { return sign(t, theirs, jose.RS256, "k2", good(q.Nonce)) },
		"the question itself":            func(t *testing.T, q asked) string { return sign(t, account, jose.RS256, "k1", good(q.Nonce)) },
		"PS256":                          func(t *testing.T, q asked) string { return sign(t, theirs, jose.PS256, "k1", good(q.Nonce)) },
		"RS512":                          func(t *testing.T, q asked) string { return sign(t, theirs, jose.RS512, "k1", good(q.Nonce)) },
		"HS256 with the public key":      func(t *testing.T, q asked) string { return sign(t, theirs.N.Bytes(), jose.HS256, "k1", good(q.Nonce)) },
		"none": func(_ *testing.T, q asked) string {
			return b64(`{"alg":"none","kid":"k1"}`) + "." + b64(string(good(q.Nonce))) + "."
		},
		"another nonce":                    func(t *testing.T, _ asked) string { return sign(t, theirs, jose.RS256, "k1", good("x")) },
		"no nonce":                         func(t *testing.T, _ asked) string { return sign(t, theirs, jose.RS256, "k1", good("")) },
		"an answer to an earlier question": func(t *testing.T, q asked) string { return replayed },
		"expired": func(t *testing.T, q asked) string {
			return sign(t, theirs, jose.RS256, "k1", fmt.Appendf(nil, `{"success":true,"exp":%d,"nonce":%q}`, now-31, q.Nonce))
		},
		"made in the future": func(t *testing.T, q asked) string {
			return sign(t, theirs, jose.RS256, "k1",
				fmt.Appendf(nil, `{"success":true,"iat":%d,"exp":%d,"nonce":%q}`, now+90, now+120, q.Nonce))
		},
		"without an end": func(t *testing.T, q asked) string {
			return sign(t, theirs, jose.RS256, "k1", fmt.Appendf(nil, `{"success":true,"nonce":%q}`, q.Nonce))
		},
		"an end past all clocks": func(t *testing.T, q asked) string {
			return sign(t, theirs, jose.RS256, "k1", fmt.Appendf(nil, `{"success":true,"exp":1e300,"nonce":%q}`, q.Nonce))
		},
		"success as text": func(t *testing.T, q asked) string {
			return sign(t, theirs, jose.RS256, "k1", fmt.Appendf(nil, `{"success":"true","exp":%d,"nonce":%q}`, now+60, q.Nonce))
		},
		"no success": func(t *testing.T, q asked) string {
			return sign(t, theirs, jose.RS256, "k1", fmt.Appendf(nil, `{"Success":true,"exp":%d,"nonce":%q}`, now+60, q.Nonce))
		},
		"success twice": func(t *testing.T, q asked) string {
			return sign(t, theirs, jose.RS256, "k1",
				fmt.Appendf(nil, `{"success":false,"success":true,"exp":%d,"nonce":%q}`, now+60, q.Nonce))
		},
		"claims that are no object": func(t *testing.T, q asked) string { return sign(t, theirs, jose.RS256, "k1", []byte(`true`)) },
		"nothing":                   func(*testing.T, asked) string { return "" },
		"no JWT":                    func(*testing.T, asked) string { return "yes" },
		"a JWT of five parts":       func(*testing.T, asked) string { return "a.b.c.d.e" },
	} {
		t.Run(name, func(t *testing.T) {
			w, a := newFixture(t, Config{}), newAPI(t)
			a.answer = func(rw http.ResponseWriter, q asked) {
				replayed = a.token(theirs, "k1", q.Nonce, true)
				a.say(rw, replayed)
			}
			w.want(t, person("bob"), a.rule(), "yes")
			a.become(func() { a.answer = func(rw http.ResponseWriter, q asked) { a.say(rw, token(t, q)) } })
			w.want(t, person("eve"), a.rule(), "unknown")
			if n := w.count(badAnswer) + w.count(badKeys); n != 1 {
				t.Errorf("%d bad answers are counted", n)
			}
		})
	}
}

func TestEndpointsThatDoNotAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(rw http.ResponseWriter, q asked)
		result string
	}{
		"a status":   {func(rw http.ResponseWriter, _ asked) { rw.WriteHeader(403) }, unreachable},
		"a redirect": {func(rw http.ResponseWriter, _ asked) { rw.Header().Set("Location", "/"); rw.WriteHeader(307) }, unreachable},
		"no JSON":    {func(rw http.ResponseWriter, _ asked) { fmt.Fprint(rw, "SECRET") }, badAnswer},
		"two tokens": {func(rw http.ResponseWriter, _ asked) { fmt.Fprint(rw, `{"token":"a.b.c","token":"a.b.c"}`) }, badAnswer},
		"too much":   {func(rw http.ResponseWriter, _ asked) { fmt.Fprint(rw, strings.Repeat(" ", maxBody+1)) }, badAnswer},
		"cut off":    {func(rw http.ResponseWriter, _ asked) { rw.Header().Set("Content-Length", "100"); fmt.Fprint(rw, "{") }, unreachable},
	} {
		t.Run(name, func(t *testing.T) {
			w, a := newFixture(t, Config{}), newAPI(t)
			a.answer = c.answer
			w.want(t, person("bob"), a.rule(), "unknown")
			if w.count(c.result) != 1 {
				t.Errorf("counted as something other than %s", c.result)
			}
			// A click later the endpoint is not asked at once again, a little later it is.
			w.want(t, person("bob"), a.rule(), "unknown")
			if n := a.calls.Load(); n != 1 {
				t.Errorf("%d calls", n)
			}
			w.clock.Advance(keepFailureFor)
			a.become(func() {
				a.answer = func(rw http.ResponseWriter, q asked) { a.say(rw, a.token(theirs, "k1", q.Nonce, true)) }
			})
			w.want(t, person("bob"), a.rule(), "yes")
		})
	}
	t.Run("addresses that are never called", func(t *testing.T) {
		w, a := newFixture(t, Config{}), newAPI(t)
		for _, url := range []string{"http://169.254.169.254/", "http://203.0.113.1/", "ftp://127.0.0.1/",
			"https://u:p@127.0.0.1/", ""} {
			w.want(t, person("bob"), policy.Evaluation{EvaluateURL: url, KeysURL: a.url + "/keys"}, "unknown")
			w.want(t, person("bob"), policy.Evaluation{EvaluateURL: a.url + "/", KeysURL: url}, "unknown")
		}
	})
	t.Run("the exchange is away", func(t *testing.T) {
		w, a := newFixture(t, Config{}), newAPI(t)
		w.signer.fail.Store(true)
		for range failuresToOpen + 1 {
			w.want(t, person("bob"), a.rule(), "unknown")
			w.clock.Advance(keepFailureFor)
		}
		if a.calls.Load() != 0 || w.count(unsigned) != failuresToOpen+1 {
			t.Errorf("%d calls, %d unsigned", a.calls.Load(), w.count(unsigned))
		}
		w.signer.fail.Store(false)
		w.want(t, person("bob"), a.rule(), "yes")
	})
}

// Requests wait for a slow endpoint for a bounded time, and share one call.
func TestASlowEndpoint(t *testing.T) {
	w, a := newFixture(t, Config{Timeout: 2 * time.Second}), newAPI(t)
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	a.answer = func(http.ResponseWriter, asked) { <-over }
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { w.want(t, person("bob"), a.rule(), "unknown") })
	}
	all.Wait()
	if n := a.calls.Load(); n != 1 {
		t.Errorf("%d calls", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := w.Evaluate(ctx, person("eve"), []policy.Evaluation{a.rule()}); len(got) != 0 {
		t.Errorf("who left was told %v", got)
	}
}

// A slow endpoint takes its own places, not those of the others; and all rules are asked at the same time.
func TestPlacesAreBounded(t *testing.T) {
	w, slow, quick := newFixture(t, Config{InFlight: 3, AtEndpoint: 2, Timeout: 20 * time.Second}), newAPI(t), newAPI(t)
	release := make(chan struct{})
	var inside, most atomic.Int32
	slow.answer = func(rw http.ResponseWriter, q asked) {
		n := inside.Add(1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		<-release
		inside.Add(-1)
		slow.say(rw, slow.token(theirs, "k1", q.Nonce, true))
	}
	var all sync.WaitGroup
	for i := range 10 {
		all.Go(func() {
			who := person(fmt.Sprint(i))
			if got := w.Evaluate(t.Context(), who, []policy.Evaluation{slow.rule()}); !got[slow.rule()] {
				t.Errorf("%v", got)
			}
		})
	}
	bustest.Eventually(t, "the slow endpoint is asked", func() bool { return inside.Load() == 2 })
	w.want(t, person("bob"), quick.rule(), "yes")
	close(release)
	all.Wait()
	if most.Load() != 2 {
		t.Errorf("%d questions at once", most.Load())
	}
	if got := w.Evaluate(t.Context(), person("zoe"), []policy.Evaluation{slow.rule(), quick.rule()}); len(got) != 2 {
		t.Errorf("%v", got)
	}
}

// An endpoint that fails again and again is left alone, and tried by one question from time to time.
func TestADeadEndpointIsLeftAlone(t *testing.T) {
	w, a := newFixture(t, Config{}), newAPI(t)
	a.answer = func(rw http.ResponseWriter, _ asked) { rw.WriteHeader(500) }
	for i := range 20 {
		w.want(t, person(fmt.Sprint(i)), a.rule(), "unknown")
	}
	if n := a.calls.Load(); n != failuresToOpen {
		t.Errorf("%d calls", n)
	}
	for i, pause := range []time.Duration{openFor, 2 * openFor, 4 * openFor, 8 * openFor, openAtMost, openAtMost} {
		w.clock.Advance(pause - time.Millisecond)
		w.want(t, person("too early"), a.rule(), "unknown")
		w.clock.Advance(time.Millisecond)
		for j := range 3 {
			w.want(t, person(fmt.Sprint("trial", j)), a.rule(), "unknown")
		}
		if n := int(a.calls.Load()); n != failuresToOpen+i+1 {
			t.Errorf("%d calls after trial %d", n, i)
		}
	}
	w.clock.Advance(openAtMost)
	a.become(func() {
		a.answer = func(rw http.ResponseWriter, q asked) {
			a.say(rw, sign(t, theirs, jose.RS256, "k1",
				fmt.Appendf(nil, `{"success":true,"exp":%d,"nonce":%q}`, w.clock.Now().Unix()+60, q.Nonce)))
		}
	})
	w.want(t, person("bob"), a.rule(), "yes")
	w.want(t, person("eve"), a.rule(), "yes")
}

// An identity above the size limit is not truncated.
func TestIdentitiesAreBounded(t *testing.T) {
	w, a := newFixture(t, Config{}), newAPI(t)
	big := person("bob")
	big.Session.Claims = json.RawMessage(`"` + strings.Repeat("x", maxIdentity) + `"`)
	w.want(t, big, a.rule(), "yes")
	if strings.Contains(string(a.last.Identity), "xxx") {
		t.Error("the claims were sent")
	}
	big.Session.Name = strings.Repeat("x", maxIdentity)
	w.want(t, big, a.rule(), "unknown")
}

func TestWhatIsMissingIsSaid(t *testing.T) {
	if _, err := New(Config{}, Deps{}); err == nil {
		t.Error("an evaluator was made of nothing")
	}
}
