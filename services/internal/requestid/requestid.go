// Package requestid makes the ids of HTTP requests. An id is in the response (Cf-Ray), on pages and in logs.
package requestid

import "math/rand/v2"

// New returns a random id of 16 hex characters. It is no secret and can be guessed.
func New() string {
	const digits = "0123456789abcdef"
	var b [16]byte
	n := rand.Uint64()
	for i := range b {
		b[i] = digits[n&15]
		n >>= 4
	}
	return string(b[:])
}
