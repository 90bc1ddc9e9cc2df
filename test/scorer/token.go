package scorer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Tokens verifies application tokens (api/README.md 8.3) with the keys of the certs endpoint (8.2).
type Tokens struct {
	Certs  string // URL of the endpoint
	Issuer string
	AUD    string

	mu   sync.Mutex
	keys *jose.JSONWebKeySet
}

// Claims are the claims in an application token of a service token.
type Claims struct {
	Type       string       `json:"type"`
	Audience   jwt.Audience `json:"aud"`
	Issuer     string       `json:"iss"`
	Subject    *string      `json:"sub"`
	CommonName string       `json:"common_name"`
	IssuedAt   int64        `json:"iat"`
	Expires    int64        `json:"exp"`
}

var keyID = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Verify returns the claims of a token, or an error if it was not issued for the application.
func (t *Tokens) Verify(ctx context.Context, token string) (Claims, error) {
	var claims Claims
	if token == "" {
		return claims, errors.New("no Cf-Access-Jwt-Assertion")
	}
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return claims, err
	}
	head := parsed.Headers[0]
	if !keyID.MatchString(head.KeyID) || head.ExtraHeaders["typ"] != "JWT" {
		return claims, fmt.Errorf("header kid %q, typ %v", head.KeyID, head.ExtraHeaders["typ"])
	}
	key, err := t.key(ctx, head.KeyID)
	if err != nil {
		return claims, err
	}
	var standard jwt.Claims
	if err := parsed.Claims(key, &standard, &claims); err != nil {
		return claims, err
	}
	if err := standard.ValidateWithLeeway(jwt.Expected{Issuer: t.Issuer, AnyAudience: jwt.Audience{t.AUD},
		Time: time.Now()}, 2*time.Second); err != nil {
		return claims, err
	}
	switch {
	case claims.Type != "app":
		err = fmt.Errorf("type %q", claims.Type)
	case claims.Subject == nil || *claims.Subject != "":
		err = errors.New("sub is not the empty string, as required for a service token")
	case claims.CommonName == "":
		err = errors.New("no common_name")
	case claims.Expires <= claims.IssuedAt || claims.IssuedAt == 0:
		err = fmt.Errorf("iat %d, exp %d", claims.IssuedAt, claims.Expires)
	}
	return claims, err
}

// key returns a key, fetching the keys again if it is not among the cached ones.
func (t *Tokens) key(ctx context.Context, kid string) (*jose.JSONWebKey, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.keys != nil {
		if found := t.keys.Key(kid); len(found) == 1 {
			return &found[0], nil
		}
	}
	keys, err := t.fetch(ctx)
	if err != nil {
		return nil, err
	}
	t.keys = keys
	if found := keys.Key(kid); len(found) == 1 {
		return &found[0], nil
	}
	return nil, fmt.Errorf("key %s is not among the %d of %s", kid, len(keys.Keys), t.Certs)
}

func (t *Tokens) fetch(ctx context.Context) (*jose.JSONWebKeySet, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.Certs, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil || resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s: %w", t.Certs, resp.Status, err)
	}
	keys := new(jose.JSONWebKeySet)
	if err := json.Unmarshal(data, keys); err != nil {
		return nil, fmt.Errorf("%s: %w", t.Certs, err)
	}
	for _, k := range keys.Keys {
		if !k.Valid() || !k.IsPublic() || k.Use != "sig" || k.Algorithm != string(jose.RS256) {
			return nil, fmt.Errorf("%s: key %s is not a public RS256 key for signatures", t.Certs, k.KeyID)
		}
	}
	return keys, nil
}
