package proto

import (
	"crypto/sha256"
	"encoding/hex"
)

// OrgAUD is the audience of the tokens of global sessions, type "org" (contract.md 8.3): 64 hex characters
// made of the issuer, which is the team domain. The exchange writes it and the gateway demands it; an
// application's AUD is random, so the two never meet.
func OrgAUD(issuer string) string {
	sum := sha256.Sum256([]byte("plumbline global session\n" + issuer))
	return hex.EncodeToString(sum[:])
}
