package login

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/gateway/gate"
	"plumbline.dev/services/internal/policy"
)

type gateApp = gate.Application

// Users can log in with every combination of optional settings of a provider.
func TestSettingsOfProviders(t *testing.T) {
	for name, change := range map[string]func(r *proto.IdentityProvider, p *idp){
		"discovered":         func(*proto.IdentityProvider, *idp) {},
		"secret in the body": func(_ *proto.IdentityProvider, p *idp) { p.method = "client_secret_post" },
		"endpoints, no issuer": func(r *proto.IdentityProvider, _ *idp) {
			r.Issuer, r.AuthURL, r.TokenURL, r.CertsURL = "", idpURL+"/authorize", idpURL+"/token", idpURL+"/keys"
		},
		"endpoints, and an issuer that describes nothing": func(r *proto.IdentityProvider, p *idp) {
			r.AuthURL, r.TokenURL, r.CertsURL = idpURL+"/authorize", idpURL+"/token", idpURL+"/keys"
			p.broken = func(w http.ResponseWriter, r *http.Request) bool {
				if strings.HasPrefix(r.URL.Path, "/.well-known") {
					http.NotFound(w, r)
					return true
				}
				return false
			}
		},
		"without PKCE":  func(r *proto.IdentityProvider, p *idp) { r.Plain, p.noPKCE = true, true },
		"public client": func(r *proto.IdentityProvider, p *idp) { r.SealedSecret, p.secret, p.method = nil, "", "none" },
		"ES256": func(_ *proto.IdentityProvider, p *idp) {
			p.sign = func(c []byte) string { return signWith(p.t, jose.ES256, ecKey(), "e1", c) }
		},
		"PS256": func(_ *proto.IdentityProvider, p *idp) {
			p.published[0].Algorithm = ""
			p.sign = func(c []byte) string { return signWith(p.t, jose.PS256, p.key, "r1", c) }
		},
		"address under another name": func(r *proto.IdentityProvider, p *idp) {
			r.EmailClaim = "upn"
			p.person = map[string]any{"sub": "s", "upn": "ada@example.com", "email": "other@example.com"}
		},
		"address from userinfo": func(_ *proto.IdentityProvider, p *idp) {
			p.person = map[string]any{"sub": "s"}
			p.info = map[string]any{"sub": "s", "email": "ada@example.com", "email_verified": "true"}
		},
		"scopes of one's own": func(r *proto.IdentityProvider, _ *idp) { r.Scopes = []string{"groups"} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t, teamURL)
			w.app("app.example.test")
			change(&w.provider, w.idp)
			w.put(topology.KindIDP, w.provider.ID, &w.provider)
			if got := w.browser().follow(appURL + "/"); got.body != "hello ada@example.com at /" {
				t.Errorf("%d %s", got.StatusCode, got.body)
			}
		})
	}
}

func TestPrompt(t *testing.T) {
	w := newFixture(t, teamURL)
	w.app("app.example.test")
	w.provider.Prompt = "select_account"
	w.put(topology.KindIDP, w.provider.ID, &w.provider)
	u := parse(t, w.browser().until(appURL+"/", "/authorize"))
	q := u.Query()
	if q.Get("prompt") != "select_account" || q.Get("redirect_uri") != teamURL+pathCallback ||
		q.Get("scope") != "openid email profile" ||
		q.Get("code_challenge_method") != "S256" || len(q.Get("state")) > 4000 {
		t.Errorf("%s", u)
	}
}

func TestClaimsThatTokensCarryOn(t *testing.T) {
	w := newFixture(t, teamURL)
	w.app("app.example.test")
	w.provider.Claims = []string{"groups", "level", "absent"}
	w.put(topology.KindIDP, w.provider.ID, &w.provider)
	w.idp.info = map[string]any{"sub": "s-1", "groups": []string{"eng"}, "level": 7, "secret": "x",
		"email": "evil@example.com"}
	if got := w.browser().follow(appURL + "/"); got.body != "hello ada@example.com at /" { // the ID token's address counts
		t.Fatalf("%d %s", got.StatusCode, got.body)
	}
	asked := w.keys.asked[len(w.keys.asked)-1]
	if string(asked.Custom) != `{"groups":["eng"],"level":7}` {
		t.Errorf("custom %s", asked.Custom)
	}
	s, _ := w.sessions.Session(w.account, asked.Session)
	for _, no := range []string{"nonce", "at_hash", `"aud"`, `"exp"`} {
		if strings.Contains(string(s.Claims), no) {
			t.Errorf("the session keeps %s: %s", no, s.Claims)
		}
	}
}

// Rotated keys of a provider are found; tokens of other issuers do not trigger requests for keys.
func TestProviderChangesItsKey(t *testing.T) {
	w := newFixture(t, teamURL)
	w.app("app.example.test")
	w.browser().follow(appURL + "/")
	w.idp.published[0].KeyID = "r2"
	w.idp.sign = func(c []byte) string { return signWith(t, jose.RS256, w.idp.key, "r2", c) }
	if got := w.browser().follow(appURL + "/"); got.StatusCode != http.StatusOK {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
}

func TestProvidersThatFail(t *testing.T) {
	at := func(path string, f func(w http.ResponseWriter, r *http.Request)) func(*idp) {
		return func(p *idp) {
			p.broken = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == path {
					f(w, r)
				}
				return r.URL.Path == path
			}
		}
	}
	endless := func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"access_token":"` + strings.Repeat("x", callSize) + `"}`))
	}
	status := func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "SECRET", http.StatusInternalServerError) }
	elsewhere := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://elsewhere.example.test/", http.StatusTemporaryRedirect)
	}
	words := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("SECRET")) }
	discovery := "/.well-known/openid-configuration"
	for name, breakIt := range map[string]func(*idp){
		"discovery: status":   at(discovery, status),
		"discovery: words":    at(discovery, words),
		"discovery: endless":  at(discovery, endless),
		"discovery: redirect": at(discovery, elsewhere),
		"discovery: another issuer": at(discovery, func(w http.ResponseWriter, _ *http.Request) {
			answerJSON(w, map[string]string{"issuer": "https://evil.example", "authorization_endpoint": idpURL + "/authorize",
				"token_endpoint": idpURL + "/token", "jwks_uri": idpURL + "/keys"})
		}),
		"discovery: metadata address": at(discovery, func(w http.ResponseWriter, _ *http.Request) {
			answerJSON(w, map[string]string{"issuer": idpURL, "authorization_endpoint": idpURL + "/authorize",
				"token_endpoint": "http://169.254.169.254/", "jwks_uri": idpURL + "/keys"})
		}),
		"discovery: script": at(discovery, func(w http.ResponseWriter, _ *http.Request) {
			answerJSON(w, map[string]string{"issuer": idpURL, "authorization_endpoint": "javascript:alert(1)",
				"token_endpoint": idpURL + "/token", "jwks_uri": idpURL + "/keys"})
		}),
		"discovery: no endpoints": at(discovery, func(w http.ResponseWriter, _ *http.Request) {
			answerJSON(w, map[string]string{"issuer": idpURL})
		}),
		"token: status":   at("/token", status),
		"token: words":    at("/token", words),
		"token: endless":  at("/token", endless),
		"token: redirect": at("/token", elsewhere),
		"keys: status":    at("/keys", status),
		"keys: endless":   at("/keys", endless),
		"wrong secret":    func(p *idp) { p.secret = "another" },
	} {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t, teamURL)
			w.app("app.example.test")
			breakIt(w.idp)
			b := w.browser()
			got := b.follow(appURL + "/x")
			if got.StatusCode < 400 || b.loggedIn() || !strings.Contains(got.body, `href="`+appURL+`/x"`) {
				t.Errorf("%d %s", got.StatusCode, got.body)
			}
			if strings.Contains(got.body, "SECRET") || strings.Contains(w.logs.String(), "SECRET") {
				t.Error("what the provider answered is shown")
			}
			if !strings.Contains(w.logs.String(), "login failed") {
				t.Error("nothing stands in the log")
			}
		})
	}
}

// Visitors do not make us call a provider that is broken all the time; once it is well again they get in.
func TestBrokenProviderIsLeftAlone(t *testing.T) {
	w := newFixture(t, teamURL)
	w.app("app.example.test")
	w.idp.broken = func(rw http.ResponseWriter, _ *http.Request) bool {
		rw.WriteHeader(http.StatusBadGateway)
		return true
	}
	for range 20 {
		w.browser().follow(appURL+"/").wantRefusal(t, policy.ProviderUnavailable)
	}
	if w.idp.calls != 1 {
		t.Errorf("%d calls", w.idp.calls)
	}
	w.idp.broken = nil
	w.clock.Advance(retryAfter)
	if got := w.browser().follow(appURL + "/"); got.StatusCode != http.StatusOK {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	// Cached metadata stays in use while the provider is unreachable.
	w.clock.Advance(discoveryLife)
	w.idp.broken = func(rw http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(r.URL.Path, "/.well-known") {
			rw.WriteHeader(http.StatusBadGateway)
			return true
		}
		return false
	}
	if got := w.browser().follow(appURL + "/"); got.StatusCode != http.StatusOK {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
}

func TestSecretOfAnotherProvider(t *testing.T) {
	w := newFixture(t, teamURL)
	w.app("app.example.test")
	w.provider.SealedSecret = w.secret(proto.NewID(), w.idp.secret)
	w.put(topology.KindIDP, w.provider.ID, &w.provider)
	w.browser().follow(appURL+"/").wantRefusal(t, policy.ProviderUnavailable)
}

func TestCallsAreBounded(t *testing.T) {
	w := newFixture(t, teamURL)
	w.app("app.example.test")
	b := w.browser()
	callback := b.until(appURL+"/", pathCallback)
	r, _ := w.catalog.IdentityProvider(w.account, w.provider.ID)
	var taken []func()
	for {
		done, ok := w.login.limits.take(r, netip.Addr{})
		if !ok {
			break
		}
		taken = append(taken, done)
	}
	b.get(callback).wantRefusal(t, policy.Busy)
	taken[0]()
	if got := b.follow(callback); got.StatusCode != http.StatusOK {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
}

func TestExchangeIsAway(t *testing.T) {
	w := newFixture(t, teamURL)
	w.app("app.example.test")
	w.keys.meta = errors.New("no signatures left")
	b := w.browser()
	link := b.get(appURL + "/").next(t)
	if parse(t, link).Query().Has("meta") {
		t.Error("a statement out of nothing")
	}
	at := b.until(link, pathAuthorized)
	w.keys.fail = errors.New("nobody answers")
	b.get(at).wantRefusal(t, policy.Unavailable)
	w.browser().follow(appURL+"/").wantRefusal(t, policy.Unavailable)
	w.keys.fail = nil
	if got := b.follow(appURL + "/"); got.StatusCode != http.StatusOK {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
}

// Sessions unknown to the server are forgotten; invalid records are no sessions.
func TestSessionsView(t *testing.T) {
	w := newFixture(t, teamURL)
	put := func(key string, s *proto.Session) {
		t.Helper()
		revision, err := w.operator.Put(t.Context(), topology.Sessions, key, s, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.sessions.AwaitRevision(t.Context(), revision); err != nil {
			t.Fatal(err)
		}
	}
	until := proto.At(w.clock.Now().Add(time.Hour))
	nonce, other := newNonce(), newNonce()
	put(topology.SessionKey(w.account, nonce), &proto.Session{Nonce: nonce, ExpiresAt: until})
	put(topology.SessionKey(w.account, other), &proto.Session{Nonce: nonce, ExpiresAt: until})
	if _, ok := w.sessions.Session(w.account, nonce); !ok {
		t.Error("no session")
	}
	if _, ok := w.sessions.Session(w.account, other); ok {
		t.Error("a session under another's key counts")
	}
	if _, ok := w.sessions.Session(proto.NewAccount(), nonce); ok {
		t.Error("another account has the session")
	}
	w.clock.Advance(time.Hour)
	if _, ok := w.sessions.Session(w.account, nonce); ok {
		t.Error("a session that has expired counts")
	}
}
