package gate

import (
	"net/url"
	"strings"

	"plumbline.dev/services/internal/hostname"
)

// Normalize rewrites a request's URL into the form in which it is evaluated and sent, so that both are the same:
//
//   - the host becomes A-labels in lower case; a host that cannot be converted stays, and belongs to no application;
//   - bytes that no URL path may contain are escaped. All others stay as the client wrote them. The path is sent as
//     EscapedPath: unlike [url.Parse], it decodes no escape that the client wrote and escapes no byte that it left.
//
// A URL in this form stays unchanged. The query is not evaluated and stays unchanged.
func Normalize(u *url.URL) {
	// A URL already in this form is not written, because other goroutines may read it.
	if h, err := hostname.Parse(u.Host); err == nil && h.String() != u.Host {
		u.Host = h.String()
	}
	normalizePath(u)
}

func normalizePath(u *url.URL) {
	if u.RawPath == "" {
		return // all required escapes are present, and no others
	}
	raw := escapeOthers(u.RawPath, inPath)
	plain := url.URL{Path: u.Path}
	if decoded, err := url.PathUnescape(raw); err != nil || decoded != u.Path || raw == plain.EscapedPath() {
		raw = ""
	}
	if raw != u.RawPath {
		u.RawPath = raw
	}
}

// Query returns the query of a URL as it is sent: byte for byte, even if it cannot be parsed, except for a blank and
// a #. A blank from HTTP/2 would end the target in the request line of HTTP/1.1, and the server would read the rest
// as the version; a # would begin a fragment.
func Query(u *url.URL) string { return escapeOthers(u.RawQuery, inQuery) }

func inQuery(c byte) bool { return c > ' ' && c != '#' && c != 0x7f }

// inPath reports whether a byte may stand in the path of a URL: those of RFC 3986, 3.3, with the brackets that
// [url.URL.EscapedPath] allows as well.
func inPath(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		strings.IndexByte("/%-._~!$&'()*+,;=:@[]", c) >= 0
}

// escapeOthers escapes the bytes that are not allowed, and leaves the others.
func escapeOthers(s string, may func(byte) bool) string {
	const hex = "0123456789ABCDEF"
	at := 0
	for at < len(s) && may(s[at]) {
		at++
	}
	if at == len(s) {
		return s
	}
	b := append(make([]byte, 0, len(s)+8), s[:at]...)
	for ; at < len(s); at++ {
		if c := s[at]; may(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(b)
}
