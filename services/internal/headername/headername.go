// Package headername classifies the names of HTTP headers: names some servers treat as equal, names reserved for
// Plumbline or a proxy, and names for service credentials. The API rejects the credential headers ignored by the
// gateway.
package headername

import (
	"net/textproto"
	"strings"
)

// Credentials returns the canonical form of a header that may carry service credentials
// (read_service_tokens_from_header); false for a name that is invalid in HTTP or already used.
func Credentials(name string) (canonical string, ok bool) {
	if !IsToken(name) || Claimed(name) || isHTTPOwn(name) {
		return "", false
	}
	return textproto.CanonicalMIMEHeaderKey(name), true
}

// IsToken reports whether a name is valid in HTTP (RFC 9110, 5.6.2).
func IsToken(s string) bool {
	for i := range len(s) {
		b := s[i]
		if b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' ||
			strings.IndexByte("!#$%&'*+-.^_`|~", b) >= 0 {
			continue
		}
		return false
	}
	return s != ""
}

// Same reports whether servers turning header names into variables treat two names as equal: letter case is ignored,
// and any sign equals any other.
func Same(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if a[i] != b[i] && fold(a[i]) != fold(b[i]) {
			return false
		}
	}
	return true
}

func fold(c byte) byte {
	switch {
	case 'A' <= c && c <= 'Z':
		return c + 'a' - 'A'
	case 'a' <= c && c <= 'z' || '0' <= c && c <= '9':
		return c
	}
	return '-'
}
