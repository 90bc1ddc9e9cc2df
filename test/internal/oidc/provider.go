// Package oidc is an OpenID Connect provider for tests.
package oidc

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Provider is a provider with a user always logged in. The test chooses the user.
type Provider struct {
	URL      string
	callback string
	id       string // of the only client
	secret   string
	signer   jose.Signer
	public   jose.JSONWebKey

	mu     sync.Mutex
	email  string
	nonces map[string][2]string // by code: nonce and e-mail address
	hits   int                  // of the token endpoint
	held   chan struct{}        // if not nil, the token endpoint waits until it is closed
	wait   int                  // calls waiting for held
}

// New starts a provider. It runs until the process ends. Its only client has the redirect URL callback. At first
// ada@example.com is logged in.
func New(callback, clientID, clientSecret string) (*Provider, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	private := jose.JSONWebKey{Key: key, KeyID: "k", Algorithm: "RS256", Use: "sig"}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: private}, nil)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Provider{URL: "http://" + l.Addr().String(), callback: callback, id: clientID, secret: clientSecret,
		signer: signer, public: private.Public(), email: "ada@example.com",
		nonces: map[string][2]string{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, map[string]any{"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize",
			"token_endpoint": p.URL + "/token",
			"jwks_uri":       p.URL + "/keys", "response_types_supported": []string{"code"},
			"id_token_signing_alg_values_supported": []string{"RS256"}})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{p.public}})
	})
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(l) }() // until the process ends
	return p, nil
}

func reply(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body) // the client may have disconnected
}

// LogIn sets the user of subsequent logins.
func (p *Provider) LogIn(email string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.email = email
}

// Redeemed returns the number of calls of the token endpoint.
func (p *Provider) Redeemed() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hits
}

// Hold blocks the token endpoint until release is called.
func (p *Provider) Hold() (release func()) {
	held := make(chan struct{})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = held
	return sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.held = nil
		close(held)
	})
}

// Waiting returns the number of calls blocked by [Provider.Hold].
func (p *Provider) Waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.wait
}

// stand waits while the token endpoint is blocked, or until the client disconnects.
func (p *Provider) stand(r *http.Request) {
	p.mu.Lock()
	held := p.held
	if held != nil {
		p.wait++
	}
	p.mu.Unlock()
	if held == nil {
		return
	}
	select {
	case <-held:
	case <-r.Context().Done():
	}
	p.mu.Lock()
	p.wait--
	p.mu.Unlock()
}

func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("redirect_uri") != p.callback || q.Get("client_id") != p.id || q.Get("code_challenge_method") != "S256" {
		http.Error(w, "unknown client", http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	code := rand.Text()
	p.nonces[code] = [2]string{q.Get("nonce"), p.email}
	p.mu.Unlock()
	back := url.Values{"code": {code}, "state": {q.Get("state")}}
	http.Redirect(w, r, p.callback+"?"+back.Encode(), http.StatusFound)
}

func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	known, ok := p.nonces[r.PostFormValue("code")]
	delete(p.nonces, r.PostFormValue("code"))
	p.hits++
	p.mu.Unlock()
	p.stand(r)
	id, secret, _ := r.BasicAuth()
	if !ok || id != p.id || secret != p.secret {
		w.WriteHeader(http.StatusBadRequest)
		reply(w, map[string]string{"error": "invalid_grant"})
		return
	}
	now := time.Now()
	token, err := jwt.Signed(p.signer).Claims(map[string]any{"iss": p.URL, "aud": p.id, "sub": "sub of " + known[1],
		"email":          known[1],
		"email_verified": true, "nonce": known[0], "iat": now.Unix(), "exp": now.Add(time.Minute).Unix()}).Serialize()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	reply(w, map[string]any{"access_token": rand.Text(), "token_type": "Bearer", "expires_in": 60, "id_token": token})
}
