package login

import (
	"context"
	"slices"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"plumbline.dev/services/internal/egress"
	"plumbline.dev/services/internal/policy"
)

// described holds members of a provider's discovery document that the library does not parse.
type described struct {
	JWKS    string   `json:"jwks_uri"`
	Methods []string `json:"token_endpoint_auth_methods_supported"`
	Logout  string   `json:"end_session_endpoint"`
}

// discover fetches a provider's discovery document.
func discover(ctx context.Context, issuer string) (found oidc.ProviderConfig, more described, err error) {
	if _, err := egress.ParseURL(issuer); err != nil {
		return found, more, fail(policy.ProviderUnavailable, "issuer: %w", err)
	}
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		return found, more, fail(policy.ProviderUnavailable, "discovery: %w", plain(err))
	}
	if err := provider.Claims(&more); err != nil {
		return found, more, fail(policy.ProviderUnavailable, "discovery: the document cannot be read")
	}
	e := provider.Endpoint()
	return oidc.ProviderConfig{AuthURL: e.AuthURL, TokenURL: e.TokenURL, JWKSURL: more.JWKS,
		UserInfoURL: provider.UserInfoEndpoint()}, more, nil
}

// fill sets the endpoints that are missing in the settings.
func fill(cfg *oidc.ProviderConfig, found oidc.ProviderConfig) {
	for _, f := range []struct {
		to   *string
		from string
	}{{&cfg.AuthURL, found.AuthURL}, {&cfg.TokenURL, found.TokenURL}, {&cfg.JWKSURL, found.JWKSURL},
		{&cfg.UserInfoURL, found.UserInfoURL}} {
		if *f.to == "" {
			*f.to = f.from
		}
	}
}

// styleOf returns how the client secret is sent. Trying one way after the other could use up the code.
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
