package v4

import (
	"strings"
)

// maxEmail bounds an address, in bytes (RFC 5321, 4.5.3.1.3).
const maxEmail = 254

// IsEmail tells an address that means the same to everybody: it is compared without case, where letters
// beyond ASCII may fold into others.
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
