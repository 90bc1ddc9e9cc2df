package login

import (
	"context"
	"net/url"

	"plumbline.dev/services/internal/egress"
)

// maxHint bounds the ID token that is kept for the logout, in bytes: it goes back in an address.
const maxHint = 3 << 10

// hintOf seals a session's ID token for its logout; empty where it is too long, or cannot be sealed.
func (v *visit) hintOf(session, token string) string {
	if token == "" || len(token) > maxHint {
		return ""
	}
	sealed, err := v.box.seal(purposeHint, &idTokenHint{Session: session, Token: token})
	if err != nil {
		return ""
	}
	return sealed
}

// logoutURL is where a provider says that its own session ends (OpenID Connect RP-Initiated Logout 1.0, 2.1); nil
// where it says nothing that a browser should be sent to.
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

// atProvider is where a person who has logged out of the team domain also logs out of her provider; empty where
// the provider does not say, cannot be asked, or the request is none that a person sees the answer of: a picture on
// somebody's page must not reach the provider with her session's token in the address.
//
// The provider is not asked to send her back: that takes an address that it was told of, and most answer any other
// with an error in place of the logout.
func (v *visit) atProvider(ctx context.Context, s held) string {
	if mode, dest := v.Header.Get("Sec-Fetch-Mode"), v.Header.Get("Sec-Fetch-Dest"); mode != "" && mode != "navigate" || dest != "" && dest != "document" {
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
