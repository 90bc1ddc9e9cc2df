package keycache

import (
	"errors"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"plumbline.dev/services/internal/claims"
)

// Claims are the claims of a token (api/README.md 8.3). They are shared and must not be modified.
type Claims struct {
	Type       string // app or org
	Email      string // of a person
	Subject    string // a person's id; empty for a service
	CommonName string // a service's Client ID
	Nonce      string // of the session behind a person's token
	Country    string
	IssuedAt   time.Time
	Expires    time.Time

	notBefore time.Time
	audience  []string
}

// skew is how far the exchange's clock may be ahead of ours. It does not extend a token's life: a token rejected a
// moment early is renewed.
const skew = time.Minute

// admit checks the type, the audience and the time.
func (c *Claims) admit(kind, audience string, now time.Time) error {
	switch {
	case c.Type != kind:
		return ErrType
	case audience == "" || !slices.Contains(c.audience, audience):
		return ErrAudience
	case !now.Before(c.Expires):
		return ErrExpired
	case now.Add(skew).Before(c.IssuedAt) || now.Add(skew).Before(c.notBefore):
		return ErrNotYet
	}
	return nil
}

// parseClaims parses a verified payload. It rejects duplicate members, because another reader might use the other
// value.
func parseClaims(payload []byte, issuer string) (*Claims, error) {
	var w struct {
		Type       string   `json:"type"`
		Audience   audience `json:"aud"`
		Issuer     string   `json:"iss"`
		Expires    int64    `json:"exp"`
		IssuedAt   int64    `json:"iat"`
		NotBefore  int64    `json:"nbf"`
		Subject    string   `json:"sub"`
		Email      string   `json:"email"`
		CommonName string   `json:"common_name"`
		Nonce      string   `json:"identity_nonce"`
		Country    string   `json:"country"`
	}
	if err := json.Unmarshal(payload, &w); err != nil {
		return nil, ErrMalformed
	}
	switch {
	case w.Issuer != issuer:
		return nil, ErrIssuer
	case w.Type != claims.TypeApp && w.Type != claims.TypeOrg:
		return nil, ErrType
	case !moment(w.Expires) || !moment(w.IssuedAt) || (w.NotBefore != 0 && !moment(w.NotBefore)):
		return nil, ErrMalformed
	}
	return &Claims{
		Type: w.Type, Email: w.Email, Subject: w.Subject, CommonName: w.CommonName, Nonce: w.Nonce, Country: w.Country,
		IssuedAt: time.Unix(w.IssuedAt, 0), Expires: time.Unix(w.Expires, 0), notBefore: time.Unix(w.NotBefore, 0),
		audience: w.Audience,
	}, nil
}

// moment reports whether a number of seconds is a plausible time. Larger values cannot be compared.
func moment(seconds int64) bool { return 0 < seconds && seconds < 1<<38 }

// audience is one string or several (api/README.md 8.3).
type audience []string

// UnmarshalJSON accepts both forms.
func (a *audience) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		return json.Unmarshal(b, (*[]string)(a))
	}
	if len(b) == 0 || b[0] != '"' {
		return errors.New("aud is neither a string nor a list of strings")
	}
	*a = make(audience, 1)
	return json.Unmarshal(b, &(*a)[0])
}
