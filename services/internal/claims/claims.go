// Package claims is what who signs tokens and who verifies them must agree on, beside the wire facts of
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
	TypeOrg      = "org"      // the token of a person's global session, good at the team domain only
	TypeMeta     = "meta"     // goes with the redirect to the login
	TypeMatch    = "match"    // tells a command line client which application guards a host
	TypeExternal = "external" // the question of an external evaluation
)

// OrgAudience is the aud of an account's global session tokens: 64 hex characters, the same for ever, and no
// application's.
func OrgAudience(a proto.Account) string {
	h := sha256.New()
	h.Write([]byte("plumbline global session\x00"))
	h.Write(a[:])
	return hex.EncodeToString(h.Sum(nil))
}
