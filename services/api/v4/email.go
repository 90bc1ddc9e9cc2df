package v4

import (
	"strings"
)

// maxEmail bounds an address, in bytes (RFC 5321, 4.5.3.1.3).
const maxEmail = 254

// IsEmail reports whether text is an unambiguous e-mail address. Addresses are compared without case, and letters
// beyond ASCII may fold into others, so only ASCII is accepted.
func IsEmail(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	if !ok || local == "" || domain == "" || strings.Contains(domain, "@") || len(s) > maxEmail {
		return false
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),:;<>[\]`, c) >= 0 {
			return false
		}
	}
	return true
}
