package login

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// idp is a strict OpenID Connect provider: it requires a registered client and redirect URI, PKCE with S256 and a
// nonce, and its codes work once. Every login succeeds at once, as Person.
type idp struct {
	t        testing.TB
	issuer   string
	clientID string
	secret   string
	redirect string

	mu     sync.Mutex
	person map[string]any // claims of the ID token beside those of the protocol
	info   map[string]any // claims of userinfo; nil: the same
	codes  map[string]*grant
	calls  int
	// Faults of an attacker or of a broken provider.
	tamper    func(claims map[string]any)
	sign      func(claims []byte) string
	deny      string // the error that the browser is sent back with
	broken    func(w http.ResponseWriter, r *http.Request) bool
	noPKCE    bool
	logout    string // end_session_endpoint; empty: none
	reusable  bool   // codes work again and again
	key       *rsa.PrivateKey
	clock     func() time.Time
	method    string
	published []jose.JSONWebKey
}

type grant struct {
	challenge, nonce, redirect string
	used                       bool
}

var (
	rsaKey = sync.OnceValue(func() *rsa.PrivateKey { k, _ := rsa.GenerateKey(rand.Reader, 2048); return k })
	ecKey  = sync.OnceValue(func() *ecdsa.PrivateKey { k, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader); return k })
)

func newIDP(t testing.TB, issuer, redirect string, clock func() time.Time) *idp {
	p := &idp{t: t, issuer: issuer, clientID: "plumbline", secret: "provider-secret&+", redirect: redirect,
		codes: map[string]*grant{}, person: map[string]any{"sub": "s-1", "email": "ada@example.com", "email_verified": true,
			"name": "Ada", "amr": []string{"pwd"}},
		key: rsaKey(), clock: clock, method: "client_secret_basic"}
	p.published = []jose.JSONWebKey{{Key: &p.key.PublicKey, KeyID: "r1", Algorithm: "RS256", Use: "sig"},
		{Key: &ecKey().PublicKey, KeyID: "e1", Algorithm: "ES256", Use: "sig"}}
	p.sign = func(claims []byte) string { return signWith(t, jose.RS256, p.key, "r1", claims) }
	return p
}

func signWith(t testing.TB, alg jose.SignatureAlgorithm, key any, kid string, claims []byte) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: kid}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

func (p *idp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
	if p.broken != nil && p.broken(w, r) {
		return
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		document := map[string]any{"issuer": p.issuer, "authorization_endpoint": p.issuer + "/authorize",
			"token_endpoint": p.issuer + "/token", "jwks_uri": p.issuer + "/keys", "userinfo_endpoint": p.issuer + "/userinfo", "id_token_signing_alg_values_supported": []string{"RS256", "HS256", "none"},
			"token_endpoint_auth_methods_supported": []string{p.method}}
		if p.logout != "" {
			document["end_session_endpoint"] = p.logout
		}
		answerJSON(w, document)
	case "/keys":
		answerJSON(w, jose.JSONWebKeySet{Keys: p.published})
	case "/authorize":
		p.authorize(w, r)
	case "/token":
		p.token(w, r)
	case "/userinfo":
		p.userinfo(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (p *idp) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	switch {
	case q.Get("response_type") != "code" || q.Get("client_id") != p.clientID || q.Get("redirect_uri") != p.redirect,
		!strings.Contains(" "+q.Get("scope")+" ", " openid "), q.Get("state") == "", q.Get("nonce") == "",
		!p.noPKCE && (q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43):
		http.Error(w, "bad authorization request "+r.URL.RawQuery, http.StatusBadRequest)
		return
	}
	back := url.Values{"state": {q.Get("state")}, "iss": {p.issuer}}
	if p.deny != "" {
		back.Set("error", p.deny)
	} else {
		code := newSecret()
		p.codes[code] = &grant{challenge: q.Get("code_challenge"), nonce: q.Get("nonce"), redirect: q.Get("redirect_uri")}
		back.Set("code", code)
	}
	http.Redirect(w, r, p.redirect+"?"+back.Encode(), http.StatusFound)
}

func (p *idp) token(w http.ResponseWriter, r *http.Request) {
	refuse := func(code string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": code})
	}
	id, secret, basic := r.BasicAuth()
	if basic {
		id, _ = url.QueryUnescape(id)
		secret, _ = url.QueryUnescape(secret)
	} else {
		id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	if id != p.clientID || secret != p.secret || basic != (p.method == "client_secret_basic") {
		refuse("invalid_client")
		return
	}
	g := p.codes[r.PostFormValue("code")]
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if r.Method != http.MethodPost || r.PostFormValue("grant_type") != "authorization_code" || g == nil || g.used &&
		!p.reusable || r.PostFormValue("redirect_uri") != g.redirect ||
		g.challenge != "" && base64.RawURLEncoding.EncodeToString(sum[:]) != g.challenge {
		refuse("invalid_grant")
		return
	}
	g.used = true
	now := p.clock()
	access := newSecret()
	hash := sha256.Sum256([]byte(access))
	claims := map[string]any{"iss": p.issuer, "aud": p.clientID, "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
		"nonce": g.nonce, "at_hash": base64.RawURLEncoding.EncodeToString(hash[:16])}
	maps.Copy(claims, p.person)
	if p.tamper != nil {
		p.tamper(claims)
	}
	payload, _ := json.Marshal(claims)
	answerJSON(w,
		map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 300, "id_token": p.sign(payload)})
}

func (p *idp) userinfo(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ") {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if p.info != nil {
		answerJSON(w, p.info)
		return
	}
	answerJSON(w, p.person)
}

func answerJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}
