package entrysign

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
)

// Keys holds public keys by id.
type Keys map[string]ed25519.PublicKey

// KeyID returns the id of a key: its thumbprint (RFC 7638), so an id cannot be given to another key.
func KeyID(public ed25519.PublicKey) string {
	return sum([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + base64.RawURLEncoding.EncodeToString(public) + `"}`))
}

// JWK is a public key in a JSON Web Key Set (RFC 7517, RFC 8037).
type JWK struct {
	Kty string `json:"kty"`
	Crv string `json:"crv"`
	X   string `json:"x"`
	KID string `json:"kid"`
	Alg string `json:"alg"`
	Use string `json:"use"`
	// CreatedAt and RetiredAt are Unix times in seconds. RetiredAt is 0 while the private key exists.
	CreatedAt int64 `json:"created_at,omitempty"`
	RetiredAt int64 `json:"retired_at,omitempty"`
}

// JWKS is a JSON Web Key Set.
type JWKS struct {
	Keys []JWK `json:"keys"`
}

// NewJWK returns the JWK of a key without times.
func NewJWK(public ed25519.PublicKey) JWK {
	return JWK{Kty: "OKP", Crv: "Ed25519", X: base64.RawURLEncoding.EncodeToString(public), KID: KeyID(public),
		Alg: Algorithm, Use: "sig"}
}

// ParseKeys returns the Ed25519 keys of a JSON Web Key Set. Keys of other types are skipped; a key whose id is not its
// thumbprint is an error.
func ParseKeys(document []byte) (Keys, error) {
	var set JWKS
	if err := json.Unmarshal(document, &set); err != nil {
		return nil, fmt.Errorf("public keys of entries: %w", err)
	}
	keys := Keys{}
	for i, k := range set.Keys {
		if k.Kty != "OKP" || k.Crv != "Ed25519" {
			continue
		}
		public, err := base64.RawURLEncoding.DecodeString(k.X)
		if err != nil || len(public) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("public keys of entries: keys[%d]: not an Ed25519 key", i)
		}
		if KeyID(public) != k.KID {
			return nil, fmt.Errorf("public keys of entries: keys[%d]: the id %.64q is not the key's thumbprint", i, k.KID)
		}
		keys[k.KID] = public
	}
	return keys, nil
}
