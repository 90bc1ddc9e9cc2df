// Package credential makes and checks the credentials that Plumbline hands out: service tokens (a Client
// ID and a Client Secret) and the bearer tokens of the control plane.
//
// What is made here is random enough that a plain SHA-256 of it may be stored: there is nothing to guess.
package credential

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"strings"
)

const (
	// ServicePrefix begins a Client Secret (api/README.md 2.4).
	ServicePrefix = "cfast_"
	// APIPrefix begins a bearer token.
	APIPrefix = "plumb_"

	randomLen = 40 // alphanumerics: 238 bits
)

// NewServiceSecret makes a Client Secret in the form of api/README.md 2.4: "cfast_", 40 random alphanumerics
// and a checksum of 8.
//
// Cloudflare does not say how its checksum is made. Ours is the CRC-32 (IEEE) of all that stands before it,
// in lower-case hex.
func NewServiceSecret() string { return withChecksum(ServicePrefix) }

// NewAPIToken makes a bearer token of the control plane, in the form that Terraform's provider accepts:
// ^[0-9A-Za-z\-_]{40,80}$ (api/README.md 1.2). It ends in the same checksum.
func NewAPIToken() string { return withChecksum(APIPrefix) }

// NewClientID makes a Client ID: 32 lower-case hex characters and ".access" (api/README.md 2.3).
func NewClientID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails since Go 1.24
	return hex.EncodeToString(b[:]) + ".access"
}

// IsClientID tells what could be a Client ID, of ours or of Cloudflare's, whose reference has longer ones.
func IsClientID(s string) bool {
	random, rest, _ := strings.Cut(s, ".")
	_, err := hex.DecodeString(random)
	return err == nil && len(random) == 32 && (rest == "access" || strings.HasPrefix(rest, "access."))
}

// Hash is what is stored of a secret: its SHA-256.
func Hash(secret string) []byte {
	h := sha256.Sum256([]byte(secret))
	return h[:]
}

// Matches tells whether hash is the secret's [Hash]. How long it takes does not depend on where they
// differ. It takes as long for a hash that is empty, which matches nothing.
func Matches(secret string, hash []byte) bool { return Equal(Hash(secret), hash) }

// Equal tells whether two results of [Hash] are the same, as [Matches] does.
func Equal(hash, kept []byte) bool {
	padded := [sha256.Size]byte{}
	copy(padded[:], kept)
	same := subtle.ConstantTimeCompare(hash, padded[:])
	return same&subtle.ConstantTimeEq(int32(len(kept)), sha256.Size) == 1
}

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

func withChecksum(prefix string) string {
	s := prefix + alphanumerics(randomLen)
	return s + checksum(s)
}

// alphanumerics draws n characters, each as likely as any other: bytes past the last multiple of 62 are
// drawn again, where a plain remainder would favour the first eight characters.
func alphanumerics(n int) string {
	const limit = 256 - 256%len(alphabet)
	out := make([]byte, 0, n)
	for len(out) < n {
		var drawn [64]byte
		rand.Read(drawn[:])
		for _, b := range drawn {
			if int(b) < limit && len(out) < n {
				out = append(out, alphabet[int(b)%len(alphabet)])
			}
		}
	}
	return string(out)
}

func checksum(s string) string { return fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(s))) }
