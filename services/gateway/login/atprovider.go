package login

import (
	"context"
	"net/url"

	"plumbline.dev/services/internal/egress"
)

// maxHint bounds the ID token that is kept for the logout, in bytes: it becomes part of a URL.
const maxHint = 3 << 10

// hintOf encrypts a session's ID token for its logout; empty if the token is too long or cannot be encrypted.
func (v *request) hintOf(session, token string) string {
	if token == "" || len(token) > maxHint {
		return ""
	}
	sealed, err := v.box.seal(purposeHint, &idTokenHint{Session: session, Token: token})
	if err != nil {
		return ""
	}
	return sealed
}

// logoutURL parses a provider's end_session_endpoint (OpenID Connect RP-Initiated Logout 1.0, 2.1). It returns nil if a
// browser should not be sent there.
func logoutURL(text, issuer string) *url.URL {
	u, err := egress.ParseURL(text)
	if err != nil {
		return nil
	}
	if from, err := url.Parse(issuer); err != nil || u.Scheme != "https" && from.Scheme == "https" {
		return nil
	}
	return u
}

// atProvider returns the URL at which a person who has logged out of the team domain also logs out of their provider.
// It is empty if the provider has none or is unavailable, or if the request is not a navigation: an image on another
// page must not send the provider a URL with the person's token.
//
// The provider is not asked to redirect back. It would need a registered URL, and most providers answer an
// unregistered one with an error instead of the logout.
func (v *request) atProvider(ctx context.Context, s heldSession) string {
	if mode, dest := v.Header.Get("Sec-Fetch-Mode"), v.Header.Get("Sec-Fetch-Dest"); mode != "" && mode != "navigate" ||
		dest != "" && dest != "document" {
		return ""
	}
	r, ok := v.catalog.IdentityProvider(s.account, s.IDP)
	if !ok || r.Value.Issuer == "" {
		return ""
	}
	done, ok := v.limits.take(r, v.Peer)
	if !ok {
		return ""
	}
	defer done()
	at, err := v.providers.of(ctx, r)
	if err != nil || at.logout == nil {
		return ""
	}
	to := *at.logout
	q := to.Query()
	q.Set("client_id", at.ClientID)
	h := &idTokenHint{}
	if v.box.open(purposeHint, s.Hint, h) == nil && h.Session == s.Nonce {
		q.Set("id_token_hint", h.Token)
	}
	to.RawQuery = q.Encode()
	return to.String()
}
