package keycache

import (
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"unsafe"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/claims"
)

// MaxToken bounds a token, in bytes: the size of a header or a cookie.
const MaxToken = 8 << 10

// verified is a token with a valid signature by key.
type verified struct {
	kid    string
	key    *rsa.PublicKey
	claims *Claims
}

// Verify returns the claims of an application token if it is valid for an audience: signed by the exchange with RS256
// and a currently published key, of type "app", and valid now. The signature of a token is verified once, everything
// else at each call. A token with an unknown key is rejected, because the exchange publishes a key before signing
// with it, and the keys are requested again. The errors are those of this package.
//
// Verify does not check whether the person or the service behind the token still has access.
func (k *Cache) Verify(token, aud string) (*Claims, error) {
	return k.verify(token, claims.TypeApp, aud)
}

// VerifyGlobal is Verify for the token of a person's global session in an account, of type "org".
func (k *Cache) VerifyGlobal(token string, a proto.Account) (*Claims, error) {
	return k.verify(token, claims.TypeOrg, claims.OrgAudience(a))
}

func (k *Cache) verify(token, kind, aud string) (*Claims, error) {
	if len(token) > MaxToken || len(token) == 0 {
		return nil, ErrMalformed
	}
	keys := k.keys.Load()
	if keys == nil {
		return nil, ErrNoKeys
	}
	// The bytes are only read, and only here: a copy of each request's token would be its one allocation.
	sum := sha256.Sum256(unsafe.Slice(unsafe.StringData(token), len(token)))
	v, known := k.verified.Get(sum)
	if !known || keys.byID[v.kid] != v.key {
		var err error
		if v, err = k.open(token, keys); err != nil {
			if errors.Is(err, ErrUnknownKey) {
				k.missed()
			}
			return nil, err
		}
		k.verified.Add(sum, v)
	}
	if err := v.claims.admit(kind, aud, k.clock.Now()); err != nil {
		return nil, err
	}
	return v.claims, nil
}

// open performs the checks with a constant result for a given key.
func (k *Cache) open(token string, keys *keySet) (*verified, error) {
	kid, err := keyOf(token)
	if err != nil {
		return nil, err
	}
	key := keys.byID[kid]
	if key == nil {
		return nil, ErrUnknownKey
	}
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return nil, ErrMalformed
	}
	payload, err := signed.Verify(key)
	if err != nil {
		return nil, ErrBadSignature
	}
	c, err := parseClaims(payload, k.issuer)
	if err != nil {
		return nil, err
	}
	return &verified{kid: kid, key: key, claims: c}, nil
}

// keyOf returns the key id in a token's header. The header must be exactly as the exchange writes it: an unknown
// parameter may change the meaning of the signature, and parameters that supply or fetch a key (jwk, jku, x5c, x5u)
// are not allowed. The algorithm is checked before the key is looked up.
func keyOf(token string) (kid string, err error) {
	if strings.Count(token, ".") != 2 {
		return "", ErrMalformed
	}
	var header []byte
	for i, part := range strings.Split(token, ".") {
		decoded, ok := canonical(part)
		if !ok {
			return "", ErrMalformed
		}
		if i == 0 {
			header = decoded
		}
	}
	var h struct {
		Algorithm string `json:"alg"`
		KeyID     string `json:"kid"`
		Type      string `json:"typ"`
	}
	if err := json.Unmarshal(header, &h, json.RejectUnknownMembers(true)); err != nil {
		return "", ErrMalformed
	}
	switch {
	case h.Algorithm != string(jose.RS256):
		return "", ErrAlgorithm
	case h.KeyID == "" || (h.Type != "" && h.Type != "JWT"):
		return "", ErrMalformed
	}
	return h.KeyID, nil
}

// canonical decodes a segment and rejects any but its single canonical encoding. Otherwise a token could be altered
// without breaking its signature, and would pass as a different one in a comparison.
func canonical(segment string) ([]byte, bool) {
	if segment == "" || strings.ContainsAny(segment, "\r\n") { // the decoder ignores these
		return nil, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(segment)
	return b, err == nil
}
