// Package headername is what the names of HTTP headers mean to Plumbline: which are the same to some server,
// which only Plumbline or a proxy may set, and which may carry service credentials. The api refuses by it what the
// gateway would not act on.
package headername

import (
	"net/textproto"
	"slices"
	"strings"
)

// claimed are headers in which whoever is in front of an origin says who asked, and others that make an origin
// take a request for another than the one that was decided about. With them go the families cf- and x-forwarded-,
// whole: origins that were behind Cloudflare, or behind another proxy that logs people in, believe what they say.
var claimed = []string{
	"X-Original-Url", "X-Rewrite-Url", "X-Original-Uri", "X-Http-Method-Override", "X-Http-Method", "X-Method-Override",
	"True-Client-Ip", "X-Real-Ip", "X-Client-Ip", "Forwarded",
}

// Claimed tells the headers that a client has no say in: the gateway takes them off, and sets those anew that it
// vouches for.
func Claimed(name string) bool {
	if name == "" {
		return false
	}
	switch name[0] | 0x20 {
	case 'c':
		return begins(name, "Cf-")
	case 'x':
		if begins(name, "X-Forwarded-") {
			return true
		}
	case 't', 'f':
	default:
		return false
	}
	for _, c := range claimed {
		if Same(name, c) {
			return true
		}
	}
	return false
}

func begins(name, prefix string) bool {
	return len(name) >= len(prefix) && Same(name[:len(prefix)], prefix)
}

// taken are headers of HTTP itself that something else is read from on the way: where a request goes, where it
// ends, who sends it.
var taken = []string{
	"Host", "Cookie", "Set-Cookie", "Connection", "Keep-Alive", "Te", "Trailer", "Trailers", "Transfer-Encoding", "Upgrade", "Http2-Settings",
	"Content-Length", "Content-Type", "Content-Encoding", "Expect", "Origin", "Via", "X-Original-Method",
}

// families are beginnings of names that belong to proxies or to browsers.
var families = []string{"Proxy-", "Sec-", "Access-Control-"}

// Credentials gives the canonical form of a header that service credentials may be read from
// (read_service_tokens_from_header); false for a name that HTTP cannot carry, or that is taken.
func Credentials(name string) (canonical string, ok bool) {
	same := func(other string) bool { return Same(name, other) }
	of := func(family string) bool { return begins(name, family) }
	if !IsToken(name) || Claimed(name) || slices.ContainsFunc(taken, same) || slices.ContainsFunc(families, of) {
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
