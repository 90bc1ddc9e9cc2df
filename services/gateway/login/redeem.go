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

// redeem exchanges the browser's code for the person's identity.
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
			return nil, fail(policy.LoginFailed, "the token endpoint rejected the code: %q", shown(refused.ErrorCode))
		}
		return nil, fail(policy.ProviderUnavailable, "token endpoint: %w", plain(err))
	}
	raw, _ := token.Extra("id_token").(string)
	if raw == "" || len(raw) > maxIDToken {
		return nil, fail(policy.LoginFailed, "the token endpoint returned no ID token, or one longer than %d bytes",
			maxIDToken)
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

// verify checks an ID token according to OpenID Connect Core, 3.1.3.7.
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
		return nil, fail(policy.LoginFailed, "ID token: the nonce belongs to another login")
	case given(claims["azp"]) && azp != p.ClientID, len(id.Audience) > 1 && azp != p.ClientID:
		return nil, fail(policy.LoginFailed, "ID token: it was issued to another client (azp)")
	case id.IssuedAt.After(p.clock.Now().Add(maxAhead)):
		return nil, fail(policy.LoginFailed, "ID token: issued in the future; check the clocks")
	case id.AccessTokenHash != "" && id.VerifyAccessToken(access) != nil:
		return nil, fail(policy.LoginFailed, "ID token: at_hash does not match the access token")
	}
	return claims, nil
}

func (p *provider) userinfo(ctx context.Context, token *oauth2.Token,
	subject string) (map[string]json.RawMessage, error) {
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

// plain removes the parts of a response or a URL that the libraries' errors may quote. They may contain a code or a
// token.
func plain(err error) error {
	var (
		mismatch *oidc.IssuerMismatchError
		expired  *oidc.TokenExpiredError
		tooLarge *http.MaxBytesError
		called   *url.Error
	)
	switch {
	case errors.As(err, &mismatch):
		return fmt.Errorf("the provider calls itself %q", shown(mismatch.Discovered))
	case errors.As(err, &expired):
		return errors.New("it has expired; check the clocks")
	case errors.As(err, &tooLarge):
		return fmt.Errorf("the answer is longer than %d bytes", callSize)
	case errors.As(err, &called):
		return egress.Explain(err)
	}
	return errors.New(kindOf(err.Error()))
}

// kindOf translates a library's error into a text without quotes of its input.
func kindOf(text string) string {
	for _, k := range []struct{ has, means string }{
		{"fetching keys", "the provider's keys cannot be fetched"},
		{"failed to verify signature", "it is not signed with a key of the provider"},
		{"malformed jwt", "it is not a token signed with one of the algorithms RS, ES, PS and EdDSA"},
		{"issued by a different provider", "it has another issuer"},
		{"expected audience", "it was not issued to this client"},
		{"(not before) time", "it is not valid yet; check the clocks"},
		{"failed to unmarshal claims", "its claims cannot be read"},
		{"missing access_token", "there is no access token in the answer"},
		{"cannot parse", "the answer is not JSON"},
		{"failed to decode", "the answer is not the expected JSON"},
	} {
		if strings.Contains(text, k.has) {
			return k.means
		}
	}
	if len(text) > 3 && text[0] >= '1' && text[0] <= '5' && text[3] == ' ' {
		return "the provider answered with status " + text[:3]
	}
	return "unexpected answer"
}
