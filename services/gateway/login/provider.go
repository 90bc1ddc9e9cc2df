package login

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
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
	if idp.Issuer != "" {
		found, methods, err := discover(ctx, idp.Issuer)
		switch {
		case err == nil:
			fill(&cfg, found)
			style = styleOf(methods)
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
		IdentityProvider: idp, oidc: made, clock: p.clock,
		oauth2: oauth2.Config{ClientID: idp.ClientID, ClientSecret: string(secret), RedirectURL: p.callback, Scopes: scopes(idp.Scopes),
			Endpoint: oauth2.Endpoint{AuthURL: cfg.AuthURL, TokenURL: cfg.TokenURL, AuthStyle: style}},
		verifier: made.VerifierContext(ctx, &oidc.Config{ClientID: idp.ClientID, SupportedSigningAlgs: algorithms, Now: p.clock.Now,
			// Without an issuer in the settings the keys alone say who signed.
			SkipIssuerCheck: idp.Issuer == ""}),
	}, nil
}

// discover fetches a provider's own description.
func discover(ctx context.Context, issuer string) (found oidc.ProviderConfig, methods []string, err error) {
	if _, err := egress.ParseURL(issuer); err != nil {
		return found, nil, fail(policy.ProviderUnavailable, "issuer: %w", err)
	}
	described, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		return found, nil, fail(policy.ProviderUnavailable, "discovery: %w", plain(err))
	}
	var more struct {
		JWKS    string   `json:"jwks_uri"`
		Methods []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := described.Claims(&more); err != nil {
		return found, nil, fail(policy.ProviderUnavailable, "discovery: the document cannot be read")
	}
	e := described.Endpoint()
	return oidc.ProviderConfig{AuthURL: e.AuthURL, TokenURL: e.TokenURL, JWKSURL: more.JWKS, UserInfoURL: described.UserInfoEndpoint()}, more.Methods, nil
}

// fill puts in what the settings leave out.
func fill(cfg *oidc.ProviderConfig, found oidc.ProviderConfig) {
	for _, f := range []struct {
		to   *string
		from string
	}{{&cfg.AuthURL, found.AuthURL}, {&cfg.TokenURL, found.TokenURL}, {&cfg.JWKSURL, found.JWKSURL}, {&cfg.UserInfoURL, found.UserInfoURL}} {
		if *f.to == "" {
			*f.to = f.from
		}
	}
}

// styleOf is how we show our secret. To try one way after the other may cost the code, which works once.
func styleOf(methods []string) oauth2.AuthStyle {
	if len(methods) == 0 || slices.Contains(methods, "client_secret_basic") {
		return oauth2.AuthStyleInHeader // the default of OpenID Connect Discovery, 3
	}
	return oauth2.AuthStyleInParams
}

func scopes(given []string) []string {
	switch {
	case len(given) == 0:
		return []string{oidc.ScopeOpenID, "email", "profile"}
	case slices.Contains(given, oidc.ScopeOpenID):
		return given
	}
	return append([]string{oidc.ScopeOpenID}, given...)
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

// redeem turns the code that the browser brought back into the person who logged in.
func (p *providers) redeem(ctx context.Context, at *provider, st *state, code string) (*person, error) {
	ctx = oidc.ClientContext(ctx, p.client)
	var options []oauth2.AuthCodeOption
	if !at.Plain {
		options = append(options, oauth2.VerifierOption(st.Verifier))
	}
	token, err := at.oauth2.Exchange(ctx, code, options...)
	if err != nil {
		var refused *oauth2.RetrieveError
		if errors.As(err, &refused) && refused.ErrorCode != "" {
			return nil, fail(policy.LoginFailed, "the token endpoint refused the code: %q", clip(refused.ErrorCode))
		}
		return nil, fail(policy.ProviderUnavailable, "token endpoint: %w", plain(err))
	}
	raw, _ := token.Extra("id_token").(string)
	if raw == "" || len(raw) > maxIDToken {
		return nil, fail(policy.LoginFailed, "the token endpoint gave no ID token, or one longer than %d bytes", maxIDToken)
	}
	claims, err := at.verify(ctx, raw, token.AccessToken, st.Nonce)
	if err != nil {
		return nil, err
	}
	var userinfo map[string]json.RawMessage
	if at.oidc.UserInfoEndpoint() != "" && wantsUserinfo(at.IdentityProvider, claims) {
		if userinfo, err = at.userinfo(ctx, token, text(claims["sub"])); err != nil {
			return nil, err
		}
	}
	return personOf(at.IdentityProvider, claims, userinfo)
}

// verify checks an ID token as OpenID Connect Core, 3.1.3.7 asks.
func (p *provider) verify(ctx context.Context, raw, access, nonce string) (map[string]json.RawMessage, error) {
	id, err := p.verifier.Verify(ctx, raw)
	if err != nil {
		return nil, fail(policy.LoginFailed, "ID token: %w", plain(err))
	}
	var claims map[string]json.RawMessage
	if err := id.Claims(&claims); err != nil {
		return nil, fail(policy.LoginFailed, "ID token: the claims cannot be read")
	}
	azp := text(claims["azp"])
	switch {
	case subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(nonce)) != 1:
		return nil, fail(policy.LoginFailed, "ID token: the nonce is not that of this login")
	case given(claims["azp"]) && azp != p.ClientID, len(id.Audience) > 1 && azp != p.ClientID:
		return nil, fail(policy.LoginFailed, "ID token: it was issued to another client (azp)")
	case id.IssuedAt.After(p.clock.Now().Add(maxAhead)):
		return nil, fail(policy.LoginFailed, "ID token: issued in the future; see to the clocks")
	case id.AccessTokenHash != "" && id.VerifyAccessToken(access) != nil:
		return nil, fail(policy.LoginFailed, "ID token: at_hash is not that of the access token")
	}
	return claims, nil
}

func (p *provider) userinfo(ctx context.Context, token *oauth2.Token, subject string) (map[string]json.RawMessage, error) {
	info, err := p.oidc.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return nil, fail(policy.ProviderUnavailable, "userinfo: %w", plain(err))
	}
	if info.Subject != subject {
		return nil, fail(policy.LoginFailed, "userinfo: it is about another person (sub)")
	}
	var claims map[string]json.RawMessage
	if err := info.Claims(&claims); err != nil {
		return nil, fail(policy.ProviderUnavailable, "userinfo: the claims cannot be read")
	}
	return claims, nil
}

// plain is an error of the libraries without the parts of an answer or of a URL that they may quote: a code
// or a token is one of them.
func plain(err error) error {
	var (
		mismatch *oidc.IssuerMismatchError
		expired  *oidc.TokenExpiredError
		tooLarge *http.MaxBytesError
		called   *url.Error
	)
	switch {
	case errors.As(err, &mismatch):
		return fmt.Errorf("the provider calls itself %q", clip(mismatch.Discovered))
	case errors.As(err, &expired):
		return errors.New("it has expired; see to the clocks")
	case errors.As(err, &tooLarge):
		return fmt.Errorf("the answer is longer than %d bytes", callSize)
	case errors.As(err, &called):
		return egress.Explain(err)
	}
	return errors.New(kindOf(err.Error()))
}

// kindOf tells what a library means, in words of ours: its own quote what they were given.
func kindOf(text string) string {
	for _, k := range []struct{ has, means string }{
		{"fetching keys", "the provider's keys cannot be fetched"},
		{"failed to verify signature", "it is not signed with a key of the provider's"},
		{"malformed jwt", "it is not a token signed with one of the algorithms RS, ES, PS and EdDSA"},
		{"issued by a different provider", "it is another issuer's"},
		{"expected audience", "it was not issued to this client"},
		{"(not before) time", "it is not valid yet; see to the clocks"},
		{"failed to unmarshal claims", "its claims cannot be read"},
		{"missing access_token", "there is no access token in the answer"},
		{"cannot parse", "the answer is not JSON"},
		{"failed to decode", "the answer is not the JSON that is expected"},
	} {
		if strings.Contains(text, k.has) {
			return k.means
		}
	}
	if len(text) > 3 && text[0] >= '1' && text[0] <= '5' && text[3] == ' ' {
		return "the provider answered with status " + text[:3]
	}
	return "the answer is not what is expected"
}
