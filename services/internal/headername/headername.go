// Package headername is what the names of HTTP headers mean to Plumbline: which are the same to some server,
// which only Plumbline or a proxy may set, and which may carry service credentials. The api refuses by it what the
// gateway would not act on.
package headername

import (
	"net/textproto"
	"strings"
)

// Credentials gives the canonical form of a header that service credentials may be read from
// (read_service_tokens_from_header); false for a name that HTTP cannot carry, or that is taken.
func Credentials(name string) (canonical string, ok bool) {
	if !IsToken(name) || Claimed(name) || isHTTPOwn(name) {
		return "", false
	}
	return textproto.CanonicalMIMEHeaderKey(name), true
}

// IsToken tells a name that HTTP can carry (RFC 9110, 5.6.2).
func IsToken(s string) bool {
	for i := range len(s) {
		b := s[i]
		if b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", b) >= 0 {
			continue
		}
		return false
	}
	return s != ""
}

// Same tells whether two header names are the same to servers that make variables of them: in any case, with
// any sign in the place of another.
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
