package login

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"filippo.io/age"
	"github.com/coreos/go-oidc/v3/oidc"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/oauth2"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/egress"
	"plumbline.dev/services/internal/policy"
	"plumbline.dev/services/internal/seal"
)

const (
	// callTime bounds one call to a provider, callSize its response, in bytes.
	callTime = 10 * time.Second
	callSize = 256 << 10
	// discoveryLife is how long a discovery document is cached. retryAfter is how long a failed discovery is not
	// repeated, so that visitors cannot cause a stream of calls.
	discoveryLife = time.Hour
	retryAfter    = 5 * time.Second
	// readyProviders is the number of cached providers.
	readyProviders = 256
	// maxIDToken bounds an ID token, in bytes. maxAhead bounds how far a provider's clock may be ahead of ours.
	maxIDToken = 64 << 10
	maxAhead   = 5 * time.Minute
)

// algorithms lists the allowed signatures of ID tokens. All are asymmetric, so knowing our Client Secret is not
// enough to forge a token.
var algorithms = []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512,
	oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA}

// providers caches prepared identity providers. It is safe for concurrent use.
type providers struct {
	client     *http.Client
	identities []age.Identity
	clock      clock.Clock
	callback   string // redirect_uri
	ready      *lru.Cache[providerKey, *place]
}

type providerKey struct {
	account  proto.Account
	id       proto.ID
	revision uint64 // a new revision is prepared anew
}

// place is the cache entry of a provider. One goroutine at a time prepares it.
type place struct {
	mu       sync.Mutex
	provider *provider
	err      error
	until    time.Time
}

// provider is a prepared identity provider.
type provider struct {
	*proto.IdentityProvider
	oauth2   oauth2.Config
	oidc     *oidc.Provider
	verifier *oidc.IDTokenVerifier
	clock    clock.Clock
	logout   *url.URL // its end_session_endpoint; nil: none
}

func newProviders(client *http.Client, identities []age.Identity, c clock.Clock, callback string) (*providers, error) {
	ready, err := lru.New[providerKey, *place](readyProviders)
	if err != nil {
		return nil, fmt.Errorf("cache of identity providers: %w", err)
	}
	return &providers{client: bounded(client), identities: identities, clock: c, callback: callback, ready: ready}, nil
}

// bounded limits responses to callSize bytes and calls to callTime.
func bounded(c *http.Client) *http.Client {
	next := c.Transport
	if next == nil {
		next = http.DefaultTransport
	}
	return &http.Client{Transport: short{next}, Timeout: callTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

type short struct{ next http.RoundTripper }

func (s short) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := s.next.RoundTrip(r)
	if err == nil {
		resp.Body = http.MaxBytesReader(nil, resp.Body, callSize)
	}
	return resp, err
}

// of returns a prepared provider. It may call the provider, within bounds.
func (p *providers) of(ctx context.Context, r catalog.Record[proto.IdentityProvider]) (*provider, error) {
	key := providerKey{r.Account, r.Value.ID, r.Revision}
	at, ok := p.ready.Get(key)
	if !ok {
		at = &place{}
		if other, there, _ := p.ready.PeekOrAdd(key, at); there {
			at = other
		}
	}
	at.mu.Lock()
	defer at.mu.Unlock()
	now := p.clock.Now()
	if now.Before(at.until) {
		return at.provider, at.err
	}
	// Other goroutines wait for the result too, so it does not end with this caller's context.
	made, err := p.make(oidc.ClientContext(context.WithoutCancel(ctx), p.client), r.Value)
	switch {
	case err == nil:
		at.provider, at.err, at.until = made, nil, now.Add(discoveryLife)
	case at.provider != nil:
		// An old discovery document is better than no logins.
		at.err, at.until = nil, now.Add(retryAfter)
	default:
		at.err, at.until = err, now.Add(retryAfter)
	}
	return at.provider, at.err
}

func (p *providers) make(ctx context.Context, idp *proto.IdentityProvider) (*provider, error) {
	secret := []byte(nil)
	if len(idp.SealedSecret) > 0 {
		var err error
		if secret, err = seal.Open(p.identities, idp.ID.String(), idp.SealedSecret); err != nil {
			return nil, fail(policy.ProviderUnavailable, "client secret: %w", err)
		}
	}
	cfg := oidc.ProviderConfig{IssuerURL: idp.Issuer, AuthURL: idp.AuthURL, TokenURL: idp.TokenURL, JWKSURL: idp.CertsURL}
	style := oauth2.AuthStyleAutoDetect
	complete := cfg.AuthURL != "" && cfg.TokenURL != "" && cfg.JWKSURL != ""
	var logout *url.URL
	if idp.Issuer != "" {
		found, more, err := discover(ctx, idp.Issuer)
		switch {
		case err == nil:
			fill(&cfg, found)
			style, logout = styleOf(more.Methods), logoutURL(more.Logout, idp.Issuer)
		case !complete:
			return nil, err
		}
	}
	if len(secret) == 0 {
		style = oauth2.AuthStyleInParams
	}
	for _, e := range []struct{ name, url string }{{"authorization", cfg.AuthURL}, {"token", cfg.TokenURL},
		{"keys", cfg.JWKSURL}, {"userinfo", cfg.UserInfoURL}} {
		if e.url == "" && e.name == "userinfo" {
			continue
		}
		if _, err := egress.ParseURL(e.url); err != nil {
			return nil, fail(policy.ProviderUnavailable, "%s endpoint: %w", e.name, err)
		}
	}
	made := cfg.NewProvider(ctx)
	return &provider{
		IdentityProvider: idp, oidc: made, clock: p.clock, logout: logout,
		oauth2: oauth2.Config{ClientID: idp.ClientID, ClientSecret: string(secret), RedirectURL: p.callback,
			Scopes:   scopes(idp.Scopes),
			Endpoint: oauth2.Endpoint{AuthURL: cfg.AuthURL, TokenURL: cfg.TokenURL, AuthStyle: style}},
		verifier: made.VerifierContext(ctx,
			&oidc.Config{ClientID: idp.ClientID, SupportedSigningAlgs: algorithms, Now: p.clock.Now,
				// Without an issuer in the settings, only the keys identify the signer.
				SkipIssuerCheck: idp.Issuer == ""}),
	}, nil
}

// authURL returns the URL of the provider's login.
func (p *provider) authURL(sealed string, st *state) string {
	options := []oauth2.AuthCodeOption{oidc.Nonce(st.Nonce)}
	if !p.Plain {
		options = append(options, oauth2.S256ChallengeOption(st.Verifier))
	}
	if p.Prompt != "" {
		options = append(options, oauth2.SetAuthURLParam("prompt", p.Prompt))
	}
	return p.oauth2.AuthCodeURL(sealed, options...)
}
