package attack

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"plumbline.dev/test/internal/stack"
)

type members = map[string]any

func encode(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// with is a copy of members with others, name and value in turn; a nil value takes one away.
func with(m members, pairs ...any) members {
	m = maps.Clone(m)
	for i := 0; i < len(pairs); i += 2 {
		name := pairs[i].(string)
		if m[name] = pairs[i+1]; pairs[i+1] == nil {
			delete(m, name)
		}
	}
	return m
}

// genuine is a token of a service's, taken apart.
type genuine struct {
	text         string
	head, claims members
}

func (w *fixture) tokenOf(t testing.TB, host string, token stack.ServiceToken) genuine {
	t.Helper()
	x := w.admitted(t, host, request("GET", host, "/", lines(token)...))
	g := genuine{text: x.Header.Get("Cf-Access-Jwt-Assertion")}
	for i, m := range []*members{&g.head, &g.claims} {
		b, err := base64.RawURLEncoding.DecodeString(strings.Split(g.text, ".")[i])
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, m); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

// shown lists the ways for a client to send an application token.
func shown(token string) map[string]string {
	return map[string]string{"the cookie": "Cookie: CF_Authorization=" + token,
		"Cf-Access-Token": "cf-access-token: " + token, "the assertion header": "Cf-Access-Jwt-Assertion: " + token}
}

// outside fails the test if a token opens a host in any way.
func (w *fixture) outside(t testing.TB, what, host, token string) {
	t.Helper()
	for way, line := range shown(token) {
		w.refused(t, what+" in "+way, request("GET", host, "/", line), http.StatusFound, http.StatusForbidden,
			http.StatusUnauthorized, http.StatusBadRequest)
	}
}

// Application tokens signed by others, or signed by the exchange for another purpose.
func TestForgedTokens(t *testing.T) {
	w := under
	g := w.tokenOf(t, mixedHost, w.service)
	for way, line := range shown(g.text) {
		x := w.admitted(t, way, request("GET", mixedHost, "/", line))
		if got, count := x.only("cf-access-jwt-assertion"); got != g.text || count != 1 {
			t.Errorf("the genuine token in %s: %d assertions arrived", way, count)
		}
	}
	own, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(g.text, ".")
	sign := func(key *rsa.PrivateKey, head, claims any) string {
		text := encode(t, head) + "." + encode(t, claims)
		sum := sha256.Sum256([]byte(text))
		signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		return text + "." + base64.RawURLEncoding.EncodeToString(signature)
	}
	forged := map[string]string{"nothing": "", "trash": "x", "three parts": "a.b.c", "two dots": "..",
		"without a signature": parts[0] + "." + parts[1] + ".", "without the last part": parts[0] + "." + parts[1], "four parts": g.text + ".x", "bearer": "Bearer " + g.text, "a cut signature": g.text[:len(g.text)-4],
		"more signature": g.text + "AAAA", "padded": g.text + "=", "another head": parts[1] + "." + parts[1] + "." + parts[2],
		"long": parts[0] + "." + strings.Repeat("A", 20_000) + "." + parts[2],
		"JSON": fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, parts[0], parts[1], parts[2])}

	// none, in the spellings accepted by some libraries.
	for _, alg := range []any{"none", "None", "NONE", "nOnE", "", "none ", nil, 0, []string{"none"}, "RS256\x00none"} {
		for name, signature := range map[string]string{"no signature": "", "a signature": parts[2]} {
			forged[fmt.Sprintf("alg %q with %s", alg, name)] = encode(t, with(g.head, "alg", alg)) + "." + parts[1] + "." +
				signature
		}
	}
	// The public key as the secret of an HMAC, in every published form.
	keys, err := w.certs()
	if err != nil {
		t.Fatal(err)
	}
	secrets := map[string][]byte{"the whole document": keys.raw, "the empty secret": {}, "a NUL": {0}}
	for _, c := range keys.Public {
		block, _ := pem.Decode([]byte(c.Cert))
		if block == nil {
			t.Fatalf("the certificate is not PEM: %.100q", c.Cert)
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		public := cert.PublicKey.(*rsa.PublicKey)
		pkcs1 := x509.MarshalPKCS1PublicKey(public)
		for name, b := range map[string][]byte{"certificate, PEM": []byte(c.Cert),
			"certificate, PEM, trimmed": bytes.TrimSpace([]byte(c.Cert)), "certificate": block.Bytes,
			"key": cert.RawSubjectPublicKeyInfo, "key, PEM": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: cert.RawSubjectPublicKeyInfo}),
			"key, PKCS1": pkcs1, "key, PKCS1, PEM": pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: pkcs1}), "modulus": public.N.Bytes(),
			"modulus, base64": []byte(base64.RawURLEncoding.EncodeToString(public.N.Bytes()))} {
			secrets[c.KID+" "+name] = b
		}
	}
	for name, secret := range secrets {
		for alg, hash := range map[string]crypto.Hash{"HS256": crypto.SHA256, "HS384": crypto.SHA384,
			"HS512": crypto.SHA512} {
			text := encode(t, with(g.head, "alg", alg)) + "." + parts[1]
			mac := hmac.New(hash.New, secret)
			mac.Write([]byte(text))
			forged[alg+" with "+name] = text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
		}
	}
	// A key of the attacker's, named by the token itself.
	var fetched atomic.Int32
	public := jose.JSONWebKey{Key: &own.PublicKey, KeyID: "own", Algorithm: "RS256", Use: "sig"}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		fetched.Add(1)
		_ = json.NewEncoder(rw).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public}})
	}))
	defer server.Close()
	w.ownKeys(t, forged, sign, own, g, server.URL)
	// Other algorithms, signed by their rules with keys of the attacker's, under the id of the real one.
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text := encode(t, with(g.head, "alg", "ES256")) + "." + parts[1]
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, ec, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	forged["ES256"] = text + "." +
		base64.RawURLEncoding.EncodeToString(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
	forged["ES256 with zeros"] = text + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 64))
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text = encode(t, with(g.head, "alg", "EdDSA")) + "." + parts[1]
	forged["EdDSA"] = text + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(ed, []byte(text)))
	text = encode(t, with(g.head, "alg", "RS512")) + "." + parts[1]
	sum512 := sha512.Sum512([]byte(text))
	signature, err := rsa.SignPKCS1v15(nil, own, crypto.SHA512, sum512[:])
	if err != nil {
		t.Fatal(err)
	}
	forged["RS512"] = text + "." + base64.RawURLEncoding.EncodeToString(signature)
	// The genuine signature under another algorithm's name, and over other claims.
	for _, alg := range []string{"PS256", "RS384", "RS512", "HS256", "ES256", "rs256", "RSA-OAEP", "dir"} {
		forged["the genuine signature as "+alg] = encode(t, with(g.head, "alg", alg)) + "." + parts[1] + "." + parts[2]
	}
	now := time.Now().Unix()
	for name, claims := range map[string]members{
		"later": with(g.claims, "exp", now+1e6), "another person": with(g.claims, "email", "root@example.com", "sub", "x"), "another service": with(g.claims, "common_name", w.stranger.ClientID),
		"expired": with(g.claims, "exp", now-10, "iat", now-100), "not yet": with(g.claims, "nbf", now+1000), "no end": with(g.claims, "exp", nil),
		"another issuer": with(g.claims, "iss", "https://evil.example"), "another audience": with(g.claims, "aud", []string{w.apps[appHost].AUD}),
	} {
		forged["the genuine signature over "+name] = parts[0] + "." + encode(t, claims) + "." + parts[2]
		forged["an own signature over "+name] = sign(own, g.head, claims)
	}
	for name, token := range forged {
		w.outside(t, name, mixedHost, token)
	}
	if n := fetched.Load(); n > 0 {
		t.Errorf("%d keys were fetched", n)
	}
}

// ownKeys returns tokens naming their own signing key.
func (w *fixture) ownKeys(t *testing.T, forged map[string]string, sign func(*rsa.PrivateKey, any, any) string,
	key *rsa.PrivateKey, g genuine, url string) {
	t.Helper()
	public := jose.JSONWebKey{Key: &key.PublicKey, KeyID: g.head["kid"].(string), Algorithm: "RS256", Use: "sig"}
	der := x509.MarshalPKCS1PublicKey(&key.PublicKey)
	for name, head := range map[string]members{
		"jku": with(g.head, "jku", url), "jku without kid": with(g.head, "jku", url, "kid", nil), "jku with another kid": with(g.head, "jku", url, "kid", "own"),
		"jku that begins like ours": with(g.head, "jku", w.plumb.Certs()+"@"+strings.TrimPrefix(url, "http://")),
		"x5u":                       with(g.head, "x5u", url), "x5u without kid": with(g.head, "x5u", url, "kid", nil),
		"jwk": with(g.head, "jwk", public), "jwk without kid": with(g.head, "jwk", public, "kid", nil),
		"x5c": with(g.head, "x5c", []string{base64.StdEncoding.EncodeToString(der)}), "iss in the head": with(g.head, "iss", url),
		"crit": with(g.head, "crit", []string{"b64"}, "b64", false), "another kid": with(g.head, "kid", strings.Repeat("0", 64)), "an empty kid": with(g.head, "kid", ""),
		"no kid": with(g.head, "kid", nil), "a path as kid": with(g.head, "kid", "../../../../dev/null"), "a URL as kid": with(g.head, "kid", url),
		"a query as kid": with(g.head, "kid", "' UNION SELECT 'x"), "a number as kid": with(g.head, "kid", 0), "a list as kid": with(g.head, "kid", []any{g.head["kid"]}),
		"nothing": g.head, "typ org": with(g.head, "typ", "org"), "deflated": with(g.head, "zip", "DEF"),
	} {
		forged["an own key, "+name] = sign(key, head, g.claims)
	}
	for _, name := range []string{"jku", "x5u"} {
		parts := strings.Split(g.text, ".")
		forged["the genuine signature with "+name] = encode(t, with(g.head, name, url)) + "." + parts[1] + "." + parts[2]
	}
}

// A token signed by the exchange opens its application only, until it ends.
func TestTokensOfSomethingElse(t *testing.T) {
	w := under
	// Another application's.
	w.outside(t, "another application's token", mixedHost, w.tokenOf(t, otherHost, w.stranger).text)
	w.outside(t, "the token of an application without people", mixedHost, w.tokenOf(t, appHost, w.service).text)
	w.outside(t, "another application's token", otherHost, w.tokenOf(t, mixedHost, w.service).text)
	// At an application without admitted users no application token counts, not even its own.
	w.outside(t, "its own token", appHost, w.tokenOf(t, appHost, w.service).text)
	closed := w.admitted(t, "the service", request("GET", siteHost, adminPath, lines(w.service)...)).Header.Get(
		"Cf-Access-Jwt-Assertion")
	for way, line := range shown(closed) {
		w.refused(t, way, request("GET", siteHost, "/admin", line), http.StatusForbidden)
	}
	// Signatures of the team domain for other purposes.
	b := w.personAt(t, peopleHost, "ada@example.com")
	team := strings.TrimPrefix(w.plumb.Issuer(), "http://")
	global, mine := b.jar[team]["CF_Authorization"], b.jar[peopleHost]["CF_Authorization"]
	if global == "" || mine == "" {
		t.Fatalf("the browser has %v", b.jar)
	}
	w.outside(t, "the global session's token", peopleHost, global)
	w.outside(t, "a person's token of another application", mixedHost, mine)
	a, _ := w.get(t, peopleHost, "/")
	_, after, _ := strings.Cut(a.Header.Get("Location"), "meta=")
	meta, _, _ := strings.Cut(after, "&")
	if strings.Count(meta, ".") != 2 {
		t.Fatalf("there is no statement in %s", a.Header.Get("Location"))
	}
	w.outside(t, "the statement of a redirect", peopleHost, meta)
	a, _ = w.send(t, "", request("HEAD", peopleHost, "/", "Cf-Access-Metadata-Request: true"))
	w.outside(t, "the statement about an application", peopleHost, a.Header.Get("Cf-Access-Metadata"))
	if !strings.Contains(a.Header.Get("Cf-Access-Metadata"), ".") {
		t.Errorf("no statement: %v", a.Header)
	}
	// The other way round, an application's token is no global session.
	if a, _ := w.get(t, team, "/cdn-cgi/access/get-identity", "Cookie: CF_Authorization="+mine); a.Status < 400 {
		t.Errorf("an application's token at the team domain: %d %s", a.Status, a.Body)
	}

	// Ended: by a logout, by the owner, with the service token.
	w.admitted(t, "ada", request("GET", peopleHost, "/", "Cookie: CF_Authorization="+mine))
	b.visitPage(t, "http://"+peopleHost+"/cdn-cgi/access/logout")
	w.outside(t, "a token after the logout", peopleHost, mine)
	a, _ = w.get(t, team, "/cdn-cgi/access/get-identity", "Cookie: CF_Authorization="+global)
	if a.Status < 400 {
		t.Errorf("the global session after the logout: %d %s", a.Status, a.Body)
	}

	token, err := w.control.CreateToken(t.Context(), "for a moment")
	if err != nil {
		t.Fatal(err)
	}
	host := fmt.Sprintf("moment-%d.example.com", len(w.apps)) // another one with -count
	app, err := w.control.CreateGuarded(t.Context(),
		stack.Guarded{Name: host, Domain: host, Origin: w.origin.URL, Policies: []any{
			stack.Policy("service", "non_identity", []any{stack.TokenRule(token.ID)}),
			stack.Policy("people", "allow", []any{members{"everyone": members{}}})}})
	if err != nil {
		t.Fatal(err)
	}
	w.apps[host] = app
	stack.Until(t, 5*time.Second, "the application is known", func() error {
		return w.status(t, host, http.StatusOK, lines(token)...)
	})
	held := w.tokenOf(t, host, token).text
	ends := func(what string, within time.Duration) {
		t.Helper()
		stack.Until(t, within, what, func() error { return w.status(t, host, http.StatusFound, "cf-access-token: "+held) })
		w.outside(t, what, host, held)
	}
	if err := w.control.Call(t.Context(), http.MethodPost, "/access/apps/"+app.ID+"/revoke_tokens", nil, nil); err != nil {
		t.Fatal(err)
	}
	ends("a token of before they were revoked", time.Second)
	stack.Until(t, 5*time.Second, "a new token", func() error {
		if err := w.status(t, host, http.StatusOK, lines(token)...); err != nil {
			return err
		}
		held = w.tokenOf(t, host, token).text
		return w.status(t, host, http.StatusOK, "cf-access-token: "+held)
	})
	if err := w.control.EnableToken(t.Context(), token.ID, false); err != nil {
		t.Fatal(err)
	}
	ends("a token whose service token is off", time.Second)
}

// status reports whether a request is answered with a status.
func (w *fixture) status(t testing.TB, host string, want int, lines ...string) error {
	t.Helper()
	if a, _ := w.get(t, host, "/", lines...); a.Status != want {
		return fmt.Errorf("answered with %d: %.300s", a.Status, a.Body)
	}
	return nil
}

// Cookies set by a neighbour of the domain beside a person's own.
func TestInjectedCookies(t *testing.T) {
	w := under
	ada := w.personAt(t, peopleHost, "ada@example.com").jar[peopleHost]["CF_Authorization"]
	bob := w.personAt(t, peopleHost, "bob@example.com").jar[peopleHost]["CF_Authorization"]
	for name, lines := range map[string][]string{
		"alone": {"Cookie: CF_Authorization=" + ada}, "behind a forged one": {"Cookie: CF_Authorization=forged; CF_Authorization=" + ada},
		"before a forged one": {"Cookie: CF_Authorization=" + ada + "; CF_Authorization=a.b.c"}, "in a second header": {"Cookie: CF_Authorization=x", "Cookie: CF_Authorization=" + ada},
		"among others": {"Cookie: a=b; CF_Authorization=" + ada + "; c=d", "Cookie: cf_authorization=forged"}, "without a blank": {"Cookie: a=b;CF_Authorization=" + ada + ";c=d"},
		"twice": {"Cookie: CF_Authorization=" + ada + "; CF_Authorization=" + ada}, "with a made-up e-mail": {"Cookie: CF_Authorization=" + ada, "Cf-Access-Authenticated-User-Email: bob@example.com"},
		"with a forged assertion": {"Cookie: CF_Authorization=" + ada, "Cf-Access-Jwt-Assertion: forged"},
	} {
		x := w.admitted(t, name, request("GET", peopleHost, "/", lines...))
		email, n := x.only("cf-access-authenticated-user-email")
		assertion, m := x.only("cf-access-jwt-assertion")
		if email != "ada@example.com" || n != 1 || m != 1 || assertion != ada {
			t.Errorf("%s: the origin is told %q %d times, and gets %d assertions", name, email, n, m)
		}
		if c := strings.Join(x.Header["Cookie"], "; "); strings.Count(strings.ToLower(c), "cf_authorization") != 1 ||
			!strings.Contains(c, "CF_Authorization="+ada) {
			t.Errorf("%s: the cookies %q arrive", name, c)
		}
	}
	many := strings.Repeat("CF_Authorization=x; ", 20)
	for name, lines := range map[string][]string{
		"two people":           {"Cookie: CF_Authorization=" + ada + "; CF_Authorization=" + bob},
		"two people, reversed": {"Cookie: CF_Authorization=" + bob + "; CF_Authorization=" + ada},
		"two people in two":    {"Cookie: CF_Authorization=" + ada, "cf-access-token: " + bob},
		"behind many":          {"Cookie: " + many + "CF_Authorization=" + ada},
		"in small letters":     {"Cookie: cf_authorization=" + ada},
		"with a blank":         {"Cookie: CF_Authorization =" + ada},
		"in $Version's way":    {"Cookie: $Version=1; $CF_Authorization=" + ada},
		"as a value":           {"Cookie: x=CF_Authorization=" + ada},
		"in Cookie2":           {"Cookie2: CF_Authorization=" + ada},
		"with a comma":         {"Cookie: a=b, CF_Authorization=" + ada},
		"in the query":         {"X: CF_Authorization=" + ada},
		"as the global one":    {"Cookie: CF_Session=" + ada + "; CF_AppSession=" + ada},
	} {
		a := w.refused(t, name, request("GET", peopleHost, "/", lines...), http.StatusFound)
		if strings.Contains(a.Header.Get("Set-Cookie"), "CF_Authorization=ey") {
			t.Errorf("%s: a session is given: %v", name, a.Header)
		}
	}
}
