package login

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/policy"
)

// loggedIn tells whether a browser has a session anywhere.
func (b *browser) loggedIn() bool {
	return cookieHeader(b, appURL) != "" || cookieHeader(b, teamURL) != ""
}

func TestStateWorksOnce(t *testing.T) {
	w := newFixture(t, teamURL)
	w.idp.reusable = true // the provider's own codes being one-time is not what this relies on
	w.app("app.example.test")
	b := w.browser()
	callback := b.until(appURL+"/", pathCallback)
	if got := b.get(callback); got.StatusCode != http.StatusFound {
		t.Fatalf("%d %s", got.StatusCode, got.body)
	}
	b.get(callback).wantRefusal(t, policy.LoginReplayed)
	// Another spelling of the same state is the same state.
	u := parse(t, callback)
	for _, add := range []string{"\n", "\r\n", "=", "%0A"} {
		q := u.Query()
		q.Set("state", q.Get("state")+add)
		b.get(u.Scheme+"://"+u.Host+u.Path+"?"+q.Encode()).wantRefusal(t, policy.LoginStateInvalid)
	}
}

// The attacker begins a login and has the victim finish it, so that she works in his name (login CSRF); or
// he takes over a link of hers.
func TestStateOfAnotherBrowser(t *testing.T) {
	w := newFixture(t, teamURL)
	w.app("app.example.test")
	attacker, victim := w.browser(), w.browser()
	callback := attacker.until(appURL+"/", pathCallback)
	victim.until(appURL+"/", pathCallback) // she has cookies of her own
	victim.get(callback).wantRefusal(t, policy.LoginStateInvalid)
	w.browser().get(callback).wantRefusal(t, policy.LoginStateInvalid) // no cookie at all
	if victim.loggedIn() {
		t.Error("the victim has a session of the attacker's")
	}
	// A failed try does not use it up: its owner can go on.
	if got := attacker.follow(callback); got.StatusCode != http.StatusOK {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
}

func TestStateExpires(t *testing.T) {
	w := newFixture(t, teamURL)
	w.app("app.example.test")
	b := w.browser()
	callback := b.until(appURL+"/x", pathCallback)
	w.clock.Advance(stateLife)
	got := b.get(callback)
	got.wantRefusal(t, policy.LoginStateInvalid)
	if !strings.Contains(got.body, `href="`+appURL+`/x"`) {
		t.Errorf("no way back to the application: %s", got.body)
	}
}

func TestCodeOfAnotherApplication(t *testing.T) {
	w := newFixture(t, teamURL)
	w.app("app.example.test")
	w.app("app2.example.test")
	b := w.browser()
	at := b.until(appURL+"/", pathAuthorized)
	b.get("https://app2.example.test/") // has its CF_AppSession
	b.get(strings.Replace(at, "//app.", "//app2.", 1)).wantRefusal(t, policy.LoginStateInvalid)
	b.get(strings.Replace(at, "https:", "http:", 1)) // the same host; its cookie is Secure and stays at home
	if cookieHeader(b, appURL) != "" {
		t.Error("a code was redeemed without its browser's cookie")
	}
	// Codes and states are not taken for one another.
	code := parse(t, at).Query().Get("code")
	b.get(teamURL+pathCallback+"?state="+code+"&code=x").wantRefusal(t, policy.LoginStateInvalid)
	state := parse(t, w.browser().until(appURL+"/", pathCallback)).Query().Get("state")
	b.get(appURL+pathAuthorized+"?code="+state).wantRefusal(t, policy.LoginStateInvalid)
	b.get(appURL+pathAuthorized+"?code="+code+"&code="+code).wantRefusal(t, policy.LoginStateInvalid)
	flipped := []byte(code)
	flipped[40] ^= 1
	b.get(appURL+pathAuthorized+"?code="+string(flipped)).wantRefusal(t, policy.LoginStateInvalid)
	if got := b.follow(at); got.StatusCode != http.StatusOK {
		t.Errorf("the right application: %d %s", got.StatusCode, got.body)
	}
	b.get(at).wantRefusal(t, policy.LoginReplayed)
}

func TestCodeOfAnotherBrowser(t *testing.T) {
	w := newFixture(t, teamURL)
	w.app("app.example.test")
	attacker, victim := w.browser(), w.browser()
	at := attacker.until(appURL+"/", pathAuthorized)
	victim.get(appURL + "/")
	victim.get(at).wantRefusal(t, policy.LoginStateInvalid)
	if victim.loggedIn() {
		t.Error("the victim has a session of the attacker's")
	}
	// A victim with a session follows the attacker's link to the team domain: the code that comes of it is
	// bound to the attacker's browser, and is neither his nor hers.
	victim = w.browser()
	victim.follow(appURL + "/")
	link := w.browser().get(appURL + "/").next(t)
	leaked := victim.get(link).next(t)
	victim.get(leaked).wantRefusal(t, policy.LoginStateInvalid)
	w.clock.Advance(codeLife)
	attacker.get(at).wantRefusal(t, policy.LoginStateInvalid)
}

func TestCodeOfAnEndedSession(t *testing.T) {
	w := newFixture(t, teamURL)
	w.app("app.example.test")
	b := w.browser()
	at := b.until(appURL+"/", pathAuthorized)
	b.get(teamURL + pathLogout)
	b.get(at).wantRefusal(t, policy.SessionEnded)
}

// Cookies exchanged for others, and more cookies than are read.
func TestSwappedCookies(t *testing.T) {
	w := newFixture(t, teamURL)
	w.app("app.example.test")
	b := w.browser()
	b.follow(appURL + "/")
	values := map[string]string{}
	for _, at := range []string{appURL, teamURL} {
		for _, c := range b.client.Jar.Cookies(parse(t, at)) {
			values[at+c.Name] = c.Value
		}
	}
	app, team := values[appURL+cookieToken], values[teamURL+cookieToken]
	if app == "" || team == "" || app == team {
		t.Fatal("no cookies")
	}
	raw := w.browser()
	raw.header = http.Header{"Cookie": {cookieToken + "=" + team}}
	if got := raw.get(appURL + "/"); got.StatusCode != http.StatusFound {
		t.Errorf("the team domain's token at the application: %d", got.StatusCode)
	}
	link := w.browser().get(appURL + "/").next(t)
	raw.header = http.Header{"Cookie": {cookieToken + "=" + app}}
	if got := raw.get(link); !strings.HasPrefix(got.next(t), idpURL) {
		t.Errorf("the application's token is a global session: %s", got.Header.Get("Location"))
	}
	many := strings.Repeat("x", 10)
	for i := range maxCookies {
		many += "; " + cookieToken + "=junk" + string(rune('a'+i))
	}
	raw.header = http.Header{"Cookie": {many + "; " + cookieToken + "=" + team}}
	if got := raw.get(link); !strings.HasPrefix(got.next(t), idpURL) {
		t.Error("more cookies are looked at than are allowed")
	}
	// The secret binding a login must be generated by the gateway, not short or chosen.
	for _, junk := range []string{"1", strings.Repeat("A", 44)} {
		raw := w.browser()
		raw.header = http.Header{"Cookie": {cookieApp + "=" + junk}}
		if c := cookie(raw.get(appURL+"/").Response, cookieApp); c == nil || !isSecret(c.Value) {
			t.Errorf("%+v", c)
		}
	}
}

// A neighbour of the domain can give a browser its own cookie beside the gateway's. No step of a login goes on then.
func TestACookieOfANeighbour(t *testing.T) {
	w := newFixture(t, teamURL)
	w.app("app.example.test")
	b := w.browser()
	at := b.until(appURL+"/", pathAuthorized)
	binding := func(b *browser, at, name string) string {
		for _, c := range b.client.Jar.Cookies(parse(t, at)) {
			if c.Name == name {
				return c.Name + "=" + c.Value
			}
		}
		t.Fatalf("the browser has no %s", name)
		return ""
	}
	own := binding(b, appURL, cookieApp)
	raw := w.browser()
	for _, neighbours := range []string{cookieApp + "=" + newSecret() + "; " + own, own + "; " + cookieApp + "=x"} {
		raw.header = http.Header{"Cookie": {neighbours}}
		raw.get(at).wantRefusal(t, policy.LoginStateInvalid)
		raw.get(appURL+"/").wantRefusal(t, policy.LoginStateInvalid)
	}
	state := w.browser()
	callback := state.until(appURL+"/", pathCallback)
	raw.header = http.Header{"Cookie": {binding(state, teamURL, cookieTeam) + "; " + cookieTeam + "=" + newSecret()}}
	raw.get(callback).wantRefusal(t, policy.LoginStateInvalid)
	raw.header = http.Header{"Cookie": {own + "; " + own}} // the same twice
	if got := raw.get(at); got.StatusCode != http.StatusFound {
		t.Errorf("the same cookie twice: %d %s", got.StatusCode, got.body)
	}
}

func TestLinksThatWereChanged(t *testing.T) {
	w := newFixture(t, teamURL)
	app := w.app("app.example.test")
	other := w.app("app2.example.test")
	link := parse(t, w.browser().get(appURL+"/in?a=1").next(t))
	flow := link.Query().Get("flow")
	for _, c := range []struct{ name, host, kid, to, flow, back string }{
		{"absolute", "app.example.test", app.Value.AUD, "https://evil.example/", flow, ""},
		{"scheme-relative", "app.example.test", app.Value.AUD, "//evil.example/", flow, ""},
		{"another path", "app.example.test", app.Value.AUD, "/other", flow, ""},
		{"another host", "app2.example.test", app.Value.AUD, "/in?a=1", flow, ""},
		{"another application", "app.example.test", other.Value.AUD, "/in?a=1", flow, ""},
		{"a foreign host", "evil.example", app.Value.AUD, "/in?a=1", flow, ""},
		{"unsealed, absolute", "app.example.test", app.Value.AUD, "https://evil.example/", "", ""},
		{"unsealed, scheme-relative", "app.example.test", app.Value.AUD, "//evil.example", "", ""},
		{"unsealed, three slashes", "app.example.test", app.Value.AUD, "///evil.example", "", ""},
		{"unsealed, backslash", "app.example.test", app.Value.AUD, `/\evil.example`, "", ""},
		{"unsealed, backslashes", "app.example.test", app.Value.AUD, `\\evil.example`, "", ""},
		{"unsealed, tab", "app.example.test", app.Value.AUD, "/\t/evil.example", "", ""},
		{"unsealed, line end", "app.example.test", app.Value.AUD, "/\r\nLocation: https://evil.example", "", ""},
		{"unsealed, script", "app.example.test", app.Value.AUD, "javascript:alert(1)", "", ""},
		{"unsealed, at sign", "app.example.test", app.Value.AUD, "@evil.example/", "", ""},
		{"unsealed, logout", "app.example.test", app.Value.AUD, pathLogout, "", ""},
		{"unsealed, foreign host", "evil.example", app.Value.AUD, "/", "", ""},
		{"unsealed, host with user", "app.example.test@evil.example", app.Value.AUD, "/", "", ""},
		{"unsealed, host with port", "app.example.test:444", app.Value.AUD, "/", "", ""},
		{"unsealed, host with path", "app.example.test/x", app.Value.AUD, "/", "", ""},
		{"unsealed, no application", "app.example.test", "", "/", "", ""},
		{"unsealed, another application's", "app2.example.test", app.Value.AUD, "/", "", ""},
		{"unsealed", "app.example.test", app.Value.AUD, "/in?a=1", "", appURL + "/in?a=1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := url.Values{"kid": {c.kid}, "redirect_url": {c.to}}
			if c.flow != "" {
				q.Set("flow", c.flow)
			}
			got := w.browser().get(teamURL + pathLogin + c.host + "?" + q.Encode())
			got.wantRefusal(t, policy.LoginStateInvalid)
			if strings.Contains(got.body, "evil") {
				t.Errorf("the page names the attacker's host: %s", got.body)
			}
			if has := strings.Contains(got.body, "href="); has != (c.back != "") || !strings.Contains(got.body, c.back) {
				t.Errorf("links of the page, %q wanted: %s", c.back, got.body)
			}
		})
	}
	w.clock.Advance(flowLife)
	got := w.browser().get(link.String())
	got.wantRefusal(t, policy.LoginStateInvalid)
	if !strings.Contains(got.body, appURL+"/in?a=1") {
		t.Errorf("an old link has no way back: %s", got.body)
	}
}

// An invalid response of a provider creates no session.
func TestIDTokensThatDoNotHold(t *testing.T) {
	w := newFixture(t, teamURL)
	w.app("app.example.test")
	set := func(name string, value any) func() {
		return func() { w.idp.tamper = func(c map[string]any) { c[name] = value } }
	}
	del := func(name string) func() { return func() { w.idp.tamper = func(c map[string]any) { delete(c, name) } } }
	now := w.clock.Now()
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, _ := json.Marshal(jose.JSONWebKey{Key: &w.idp.key.PublicKey, KeyID: "r1"})
	sign := func(f func(claims []byte) string) func() { return func() { w.idp.sign = f } }
	for name, change := range map[string]func(){
		"wrong nonce":           set("nonce", newSecret()),
		"no nonce":              del("nonce"),
		"wrong audience":        set("aud", "another"),
		"no audience":           del("aud"),
		"several, no azp":       set("aud", []string{"plumbline", "another"}),
		"another azp":           set("azp", "another"),
		"azp that is no text":   set("azp", 5),
		"wrong issuer":          set("iss", "https://evil.example"),
		"issuer with a slash":   set("iss", idpURL+"/"),
		"expired":               set("exp", now.Add(-time.Second).Unix()),
		"no expiry":             del("exp"),
		"from the future":       set("iat", now.Add(time.Hour).Unix()),
		"not yet valid":         set("nbf", now.Add(time.Hour).Unix()),
		"another access token":  set("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"),
		"no subject":            del("sub"),
		"subject that is long":  set("sub", strings.Repeat("s", 256)),
		"not verified":          set("email_verified", false),
		"not verified, as text": set("email_verified", "false"),
		"verified, as number":   set("email_verified", 1),
		"no address":            set("email", "ada"),
		"two addresses":         set("email", "ada@example.com@evil.example"),
		"list of addresses":     set("email", []string{"ada@example.com"}),
		"address with line end": set("email", "ada@example.com\r\nX: y"),
		"letter that folds":     set("email", "ada@e\u212Aample.com"),
		"too many claims":       set("groups", strings.Repeat("g", maxClaims)),
		"alg none": sign(func(c []byte) string {
			return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." +
				base64.RawURLEncoding.EncodeToString(c) + "."
		}),
		"HS256 with our secret": sign(func(c []byte) string {
			return signWith(t, jose.HS256, []byte(w.idp.secret+strings.Repeat("0", 32)), "r1", c)
		}),
		"HS256 with the public key":   sign(func(c []byte) string { return signWith(t, jose.HS256, public, "r1", c) }),
		"a stranger's key":            sign(func(c []byte) string { return signWith(t, jose.RS256, stranger, "r1", c) }),
		"a stranger's key, no kid":    sign(func(c []byte) string { return signWith(t, jose.RS256, stranger, "", c) }),
		"a key that it brings itself": sign(func(c []byte) string { return embedded(t, stranger, c) }),
		"no token":                    sign(func([]byte) string { return "" }),
		"no token but words":          sign(func([]byte) string { return "a.b.c" }),
		"a token without end":         sign(func([]byte) string { return strings.Repeat("a", maxIDToken+1) }),
	} {
		t.Run(name, func(t *testing.T) {
			w.idp.tamper, w.idp.sign = nil, func(claims []byte) string {
				return signWith(t, jose.RS256, w.idp.key, "r1", claims)
			}
			change()
			b := w.browser()
			got := b.follow(appURL + "/")
			if got.StatusCode != http.StatusForbidden || b.loggedIn() || !strings.Contains(got.body, "login_") {
				t.Errorf("%d, logged in: %t, %s", got.StatusCode, b.loggedIn(), got.body)
			}
		})
	}
}

func embedded(t testing.TB, key *rsa.PrivateKey, claims []byte) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, &jose.SignerOptions{EmbedJWK: true})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	compact, _ := signed.CompactSerialize()
	return compact
}

func TestUserinfoThatDoesNotHold(t *testing.T) {
	w := newFixture(t, teamURL)
	w.app("app.example.test")
	w.idp.person = map[string]any{"sub": "s-1", "email_verified": true} // no address: userinfo is asked
	for name, c := range map[string]struct {
		info map[string]any
		ok   bool
	}{
		"right":          {map[string]any{"sub": "s-1", "email": "ada@example.com"}, true},
		"another person": {map[string]any{"sub": "s-2", "email": "ada@example.com"}, false},
		"nobody":         {map[string]any{"email": "ada@example.com"}, false},
		"not verified":   {map[string]any{"sub": "s-1", "email": "ada@example.com", "email_verified": false}, false},
	} {
		w.idp.info = c.info
		b := w.browser()
		if got := b.follow(appURL + "/"); (got.StatusCode == http.StatusOK) != c.ok {
			t.Errorf("%s: %d %s", name, got.StatusCode, got.body)
		}
	}
}

func TestCallbacksThatDoNotHold(t *testing.T) {
	w := newFixture(t, teamURL)
	w.app("app.example.test")
	change := func(name string, f func(q url.Values)) {
		b := w.browser()
		u := parse(t, b.until(appURL+"/", pathCallback))
		q := u.Query()
		f(q)
		got := b.get(teamURL + pathCallback + "?" + q.Encode())
		if got.StatusCode < 400 || b.loggedIn() {
			t.Errorf("%s: %d %s", name, got.StatusCode, got.body)
		}
		if strings.Contains(got.body, "evil") {
			t.Errorf("%s: the page says what the link says: %s", name, got.body)
		}
	}
	change("no code", func(q url.Values) { q.Del("code") })
	change("another code", func(q url.Values) { q.Set("code", "evil") })
	change("two codes", func(q url.Values) { q.Add("code", "evil") })
	change("a code without end", func(q url.Values) { q.Set("code", strings.Repeat("e", maxCode+1)) })
	change("another issuer", func(q url.Values) { q.Set("iss", "https://evil.example") })
	change("two issuers", func(q url.Values) { q.Add("iss", "https://evil.example") })
	change("an error", func(q url.Values) { q.Set("error", "evil"); q.Set("error_description", "call evil at 555") })
	change("no state", func(q url.Values) { q.Del("state") })
	change("two states", func(q url.Values) { q.Add("state", q.Get("state")) })
	change("a state without end", func(q url.Values) { q.Set("state", strings.Repeat("A", maxSealed+4)) })
	w.idp.deny = "access_denied"
	w.browser().follow(appURL+"/").wantRefusal(t, policy.LoginFailed)
}

// Configuration changed during a login applies when the user returns.
func TestConfigurationThatChanges(t *testing.T) {
	w := newFixture(t, teamURL)
	app := w.app("app.example.test")
	b := w.browser()
	callback, code := b.until(appURL+"/", pathCallback), w.browser()
	authorized := code.until(appURL+"/", pathAuthorized)
	changed := *app.Value
	changed.Gate.IDPs = []proto.ID{proto.NewID()}
	w.put(topology.KindApplication, changed.ID, &changed)
	b.get(callback).wantRefusal(t, policy.ProviderNotAllowed)
	changed.Domains = []string{"elsewhere.example.test"}
	w.put(topology.KindApplication, changed.ID, &changed)
	b.get(callback).wantRefusal(t, policy.LoginStateInvalid)
	code.get(authorized).wantRefusal(t, policy.LoginStateInvalid)
}

func TestGatewaysShareAKey(t *testing.T) {
	w := newFixture(t, teamURL)
	w.app("app.example.test")
	first := w.login
	twin := *first
	b := w.browser()
	callback := b.until(appURL+"/", pathCallback)
	w.login = &twin
	if got := b.follow(callback); got.StatusCode != http.StatusOK {
		t.Errorf("a second gateway: %d %s", got.StatusCode, got.body)
	}
	b = w.browser()
	callback = b.until(appURL+"/", pathCallback)
	stranger, err := New(Config{TeamDomain: teamURL, SessionKey: make([]byte, KeySize)},
		Deps{Bus: first.conn, Log: first.log, Clock: first.clock, Metrics: prometheus.NewRegistry(),
			Catalog: first.catalog, Sessions: first.sessions, Gate: first.gate, Keys: first.keys, Devices: first.devices,
			Recorder: first.recorder, Identities: first.providers.identities, HTTP: first.providers.client})
	if err != nil {
		t.Fatal(err)
	}
	w.login = stranger
	b.get(callback).wantRefusal(t, policy.LoginStateInvalid)
	if _, err := New(Config{TeamDomain: teamURL, SessionKey: make([]byte, 16)}, Deps{}); err == nil {
		t.Error("a short key is taken")
	}
}
