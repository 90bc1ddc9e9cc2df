package gate

import (
	"net/url"
	"strings"

	"plumbline.dev/services/internal/hostname"
)

// Normalize brings a request's URL into the form in which it is decided about and sent, so that both are the same:
//
//   - the host becomes A-labels in lower case; a host that cannot be converted stays, and belongs to no application;
//   - of the path, those bytes are escaped that no URL may have. All others stay as the client wrote them. The path as
//     it is sent is EscapedPath: unlike that of a URL as [url.Parse] makes it, it decodes no escape that the client
//     wrote and escapes no byte that it left.
//
// A URL in this form stays as it is. The query is not decided about, and stays.
func Normalize(u *url.URL) {
	// What has this form already is not written: others may read it at the same time.
	if h, err := hostname.Parse(u.Host); err == nil && h.String() != u.Host {
		u.Host = h.String()
	}
	if u.RawPath == "" {
		return // every byte that needs an escape has one, and no other
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

// Query is the query of a URL as it is sent: byte for byte, what cannot be parsed included, but for a blank and a #.
// A blank that came over HTTP/2 would end the target in the first line of a request over HTTP/1.1, and the rest be
// read as the version; a # would begin a fragment.
func Query(u *url.URL) string { return escapeOthers(u.RawQuery, inQuery) }

func inQuery(c byte) bool { return c > ' ' && c != '#' && c != 0x7f }

// inPath reports whether a byte may stand in the path of a URL: those of RFC 3986, 3.3, with the brackets that
// [url.URL.EscapedPath] allows as well.
func inPath(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("/%-._~!$&'()*+,;=:@[]", c) >= 0
}

// escapeOthers escapes the bytes that may not stand, and leaves the others.
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
