package login

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"plumbline.dev/services/internal/egress"
	"plumbline.dev/services/internal/policy"
)

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
	who, err := personOf(at.IdentityProvider, claims, userinfo)
	if err != nil {
		return nil, err
	}
	who.IDToken = raw
	return who, nil
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
