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
	// callTime bounds one call of a provider, callSize its answer, in bytes.
	callTime = 10 * time.Second
	callSize = 256 << 10
	// discoveryLife is how long a provider's own description is believed; retryAfter how long one that could
	// not be had is not asked for again, so that no visitor makes us call all the time.
	discoveryLife = time.Hour
	retryAfter    = 5 * time.Second
	// readyProviders bounds those that are kept ready.
	readyProviders = 256
	// maxIDToken bounds an ID token, in bytes; maxAhead how far ahead of ours a provider's clock may be.
	maxIDToken = 64 << 10
	maxAhead   = 5 * time.Minute
)

// algorithms are those that ID tokens may be signed with: a provider's public key verifies them, so that
// nobody who knows our Client Secret can make one.
var algorithms = []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512,
	oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA}

// providers are the identity providers made ready. It is safe for concurrent use.
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
	revision uint64 // another revision is another provider
}

// place is where a provider is made ready, by one at a time.
type place struct {
	mu       sync.Mutex
	provider *provider
	err      error
	until    time.Time
}

// provider is an identity provider made ready.
type provider struct {
	*proto.IdentityProvider
	oauth2   oauth2.Config
	oidc     *oidc.Provider
	verifier *oidc.IDTokenVerifier
	clock    clock.Clock
	logout   *url.URL // where its own session ends; nil: it does not say
}

func newProviders(client *http.Client, identities []age.Identity, c clock.Clock, callback string) (*providers, error) {
	ready, err := lru.New[providerKey, *place](readyProviders)
	if err != nil {
		return nil, fmt.Errorf("cache of identity providers: %w", err)
	}
	return &providers{client: bounded(client), identities: identities, clock: c, callback: callback, ready: ready}, nil
}

// bounded is the client with answers of at most callSize bytes and calls of at most callTime.
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

// of gives a provider ready to log in at. It may call the provider, within bounds.
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
	// Who waits behind this one needs the answer as well: it does not end with the one who happened to ask.
	made, err := p.make(oidc.ClientContext(context.WithoutCancel(ctx), p.client), r.Value)
	switch {
	case err == nil:
		at.provider, at.err, at.until = made, nil, now.Add(discoveryLife)
	case at.provider != nil:
		// What was known yesterday is better than nobody logging in.
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
	for _, e := range []struct{ name, url string }{{"authorization", cfg.AuthURL}, {"token", cfg.TokenURL}, {"keys", cfg.JWKSURL}, {"userinfo", cfg.UserInfoURL}} {
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
		oauth2: oauth2.Config{ClientID: idp.ClientID, ClientSecret: string(secret), RedirectURL: p.callback, Scopes: scopes(idp.Scopes),
			Endpoint: oauth2.Endpoint{AuthURL: cfg.AuthURL, TokenURL: cfg.TokenURL, AuthStyle: style}},
		verifier: made.VerifierContext(ctx, &oidc.Config{ClientID: idp.ClientID, SupportedSigningAlgs: algorithms, Now: p.clock.Now,
			// Without an issuer in the settings the keys alone say who signed.
			SkipIssuerCheck: idp.Issuer == ""}),
	}, nil
}

// authURL is where the browser goes to log in.
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
