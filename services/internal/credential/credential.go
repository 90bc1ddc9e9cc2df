// Package credential creates and verifies the credentials issued by Plumbline: service tokens (a Client ID and a
// Client Secret) and the bearer tokens of the control plane.
//
// They are random enough that a plain SHA-256 may be stored.
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

// NewServiceSecret returns a Client Secret in the form of api/README.md 2.4: "cfast_", 40 random alphanumerics and a
// checksum of 8.
//
// Cloudflare does not document its checksum. Ours is the CRC-32 (IEEE) of the preceding characters, in lower-case
// hex.
func NewServiceSecret() string { return withChecksum(ServicePrefix) }

// NewAPIToken returns a bearer token of the control plane, in the form accepted by the Terraform provider:
// ^[0-9A-Za-z\-_]{40,80}$ (api/README.md 1.2). It ends with the same kind of checksum.
func NewAPIToken() string { return withChecksum(APIPrefix) }

// NewClientID returns a Client ID: 32 lower-case hex characters and ".access" (api/README.md 2.3).
func NewClientID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails since Go 1.24
	return hex.EncodeToString(b[:]) + ".access"
}

// IsClientID reports whether s may be a Client ID, of ours or of Cloudflare's. Cloudflare's reference shows longer
// ones.
func IsClientID(s string) bool {
	random, rest, _ := strings.Cut(s, ".")
	_, err := hex.DecodeString(random)
	return err == nil && len(random) == 32 && (rest == "access" || strings.HasPrefix(rest, "access."))
}

// Hash returns the stored form of a secret: its SHA-256.
func Hash(secret string) []byte {
	var room [128]byte // on the stack, unlike the bytes of a long secret
	h := sha256.Sum256(append(room[:0], secret...))
	return h[:]
}

// Matches reports whether hash is the secret's [Hash], in constant time. An empty hash takes as long and matches
// nothing.
func Matches(secret string, hash []byte) bool { return Equal(Hash(secret), hash) }

// Equal reports whether two results of [Hash] are equal, in constant time.
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

// alphanumerics returns n uniformly distributed characters. It rejects bytes above the last multiple of 62, because a
// plain remainder would favour the first eight characters.
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
