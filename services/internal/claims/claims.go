// Package claims holds conventions shared by the signer and the verifiers of tokens, in addition to the wire facts of
// api/README.md 8.3.
package claims

import (
	"crypto/sha256"
	"encoding/hex"

	"plumbline.dev/proto"
)

// The values of the type claim.
const (
	TypeApp      = "app"      // an application token
	TypeOrg      = "org"      // the token of a person's global session, valid at the team domain only
	TypeMeta     = "meta"     // accompanies the redirect to the login
	TypeMatch    = "match"    // tells a command line client which application protects a host
	TypeExternal = "external" // the question of an external evaluation
)

// OrgAudience returns the aud of an account's global session tokens: 64 hex characters, constant, and distinct from
// every application's.
func OrgAudience(a proto.Account) string {
	h := sha256.New()
	h.Write([]byte("plumbline global session\x00"))
	h.Write(a[:])
	return hex.EncodeToString(h.Sum(nil))
}
