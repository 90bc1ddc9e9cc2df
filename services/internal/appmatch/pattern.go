package appmatch

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"path"
	"strconv"
	"strings"
)

// Pattern is a destination of an application, parsed. Its zero value covers nothing.
type Pattern struct {
	host string // lower case, no trailing dot; an IPv6 address without brackets
	port string // empty: every port
	path string // decoded, begins with a slash; empty: every path
	// How specific it is: literal characters, and whether host and path hold a wildcard.
	hostLiteral, pathLiteral int
	hostExact, pathExact     bool
}

// maxPattern bounds a destination: a host name of 253 bytes, a port, a path.
const maxPattern = 2048

// Parse reads a destination. The error is a sentence for whoever wrote it.
func Parse(s string) (Pattern, error) {
	p, err := parse(s)
	if err != nil {
		return Pattern{}, fmt.Errorf("destination %s: %w; write host, host:port or host/path", quote(s), err)
	}
	return p, nil
}

func parse(s string) (Pattern, error) {
	switch {
	case len(s) > maxPattern:
		return Pattern{}, fmt.Errorf("longer than %d bytes", maxPattern)
	case strings.Contains(s, "://"):
		return Pattern{}, errors.New("a scheme does not belong here")
	case strings.ContainsAny(s, "?#"):
		return Pattern{}, errors.New("a query or fragment cannot be matched")
	case strings.ContainsAny(s, "\\ \t\r\n\x00"):
		return Pattern{}, errors.New("it holds a character that no host or path has")
	}
	hostport, rest := s, ""
	if at := strings.IndexByte(s, '/'); at >= 0 {
		hostport, rest = s[:at], s[at:]
	}
	host, port, err := splitPort(hostport)
	if err != nil {
		return Pattern{}, err
	}
	p := Pattern{port: port}
	if p.host, err = patternHost(host); err != nil {
		return Pattern{}, err
	}
	if p.path, err = patternPath(rest); err != nil {
		return Pattern{}, err
	}
	p.hostLiteral, p.hostExact = literal(p.host)
	p.pathLiteral, p.pathExact = literal(p.path)
	return p, nil
}

func literal(s string) (n int, exact bool) {
	stars := strings.Count(s, "*")
	return len(s) - stars, stars == 0
}

// splitPort parts host:port; an IPv6 address stands in brackets.
func splitPort(s string) (host, port string, err error) {
	host = s
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return "", "", errors.New("the bracket of its IPv6 address is not closed")
		}
		addr, err := netip.ParseAddr(s[1:end])
		if err != nil || !addr.Is6() || addr.Zone() != "" {
			return "", "", errors.New("what stands in brackets is not an IPv6 address")
		}
		host, s = addr.String(), s[end+1:]
		if s == "" {
			return host, "", nil
		}
		if s[0] != ':' {
			return "", "", errors.New("something follows its IPv6 address")
		}
		port = s[1:]
	} else {
		at := strings.IndexByte(s, ':')
		if at < 0 {
			return host, "", nil
		}
		host, port = s[:at], s[at+1:]
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || port[0] == '0' || port[0] == '+' {
		return "", "", errors.New("its port is not a number from 1 to 65535")
	}
	return host, port, nil
}

func patternHost(host string) (string, error) {
	host = canonicalHost(host)
	if strings.Contains(host, ":") {
		return host, nil // an IPv6 address, already checked
	}
	if host == "" || len(host) > 253 {
		return "", errors.New("it has no host of 1 to 253 bytes")
	}
	for label := range strings.SplitSeq(host, ".") {
		switch {
		case label == "" || len(label) > 63:
			return "", errors.New("a label of its host is empty or longer than 63 bytes")
		case strings.Count(label, "*") > 1:
			return "", errors.New("a label of its host has more than one *")
		case strings.ContainsAny(label, "[]@%"):
			return "", errors.New("its host holds a character that no host has")
		}
	}
	return host, nil
}

// patternPath brings a path into the form that [cleanPath] gives those of URLs.
func patternPath(s string) (string, error) {
	s = strings.TrimSuffix(s, "/")
	if s == "" || s == "/*" {
		return "", nil
	}
	var b strings.Builder
	for segment := range strings.SplitSeq(s[1:], "/") {
		decoded, err := url.PathUnescape(segment)
		switch {
		case err != nil:
			return "", errors.New("its path has a % that begins no escape: write %25")
		case decoded == "" || decoded == "." || decoded == "..":
			return "", errors.New("its path has an empty segment, a \".\" or a \"..\"")
		case strings.Count(segment, "*") > 1:
			return "", errors.New("a segment of its path has more than one *")
		case strings.Count(decoded, "*") != strings.Count(segment, "*") || strings.ContainsAny(decoded, "/\x00"):
			return "", errors.New("its path escapes a * or a /, which cannot be matched")
		}
		b.WriteByte('/')
		b.WriteString(decoded)
	}
	return b.String(), nil
}

// String is the destination in one form for all that cover the same: in lower case, without a trailing
// slash, with only those escapes in its path that it needs. Two destinations with the same String are the
// same.
func (p Pattern) String() string {
	host := p.host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if p.port != "" {
		host += ":" + p.port
	}
	return host + escape.Replace(p.path)
}

// escape is for what parse would refuse or decode.
var escape = strings.NewReplacer("%", "%25", "?", "%3F", "#", "%23", "\\", "%5C", " ", "%20", "\t", "%09", "\r", "%0D", "\n", "%0A")

// Covers tells whether a URL belongs to the destination.
func (p Pattern) Covers(u *url.URL) bool {
	t, ok := targetOf(u)
	return ok && p.covers(t)
}

func (p Pattern) covers(t target) bool {
	return p.host != "" && (p.port == "" || p.port == t.port) && p.coversHost(t.host) && p.coversPath(t.path)
}

func (p Pattern) coversHost(host string) bool {
	if p.hostExact {
		return p.host == host
	}
	mine, theirs := p.host, host
	for {
		m, mrest, mmore := strings.Cut(mine, ".")
		t, trest, tmore := strings.Cut(theirs, ".")
		if t == "" || mmore != tmore || !glob(m, t) {
			return false
		}
		if !mmore {
			return true
		}
		mine, theirs = mrest, trest
	}
}

func (p Pattern) coversPath(path string) bool {
	if p.pathExact {
		rest, ok := strings.CutPrefix(path, p.path)
		return ok && (rest == "" || p.path == "" || rest[0] == '/')
	}
	return glob(p.path, path) || glob(p.path+"/*", path)
}

// target is what of a URL is compared.
type target struct{ host, port, path string }

func targetOf(u *url.URL) (target, bool) {
	t := target{host: canonicalHost(u.Hostname()), port: u.Port(), path: cleanPath(u.Path)}
	if addr, err := netip.ParseAddr(t.host); err == nil && addr.Is6() {
		t.host = addr.WithZone("").String()
	}
	if t.port == "" {
		switch strings.ToLower(u.Scheme) {
		case "http", "ws":
			t.port = "80"
		case "https", "wss":
			t.port = "443"
		}
	}
	return t, t.host != ""
}

// canonicalHost lowers ASCII letters only: a name that is not ASCII is compared as it came.
func canonicalHost(s string) string {
	b := []byte(strings.TrimSuffix(s, "."))
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// cleanPath drops empty segments, "." and ".."; a slash at the end stays.
func cleanPath(p string) string {
	clean := path.Clean("/" + p)
	if strings.HasSuffix(p, "/") && clean != "/" {
		clean += "/"
	}
	return clean
}

// glob tells whether s matches pattern, in which * stands for any characters. It takes at most
// len(pattern) × len(s) steps.
func glob(pattern, s string) bool {
	i, star, mark := 0, -1, 0
	for at := 0; at < len(s); {
		switch {
		case i < len(pattern) && pattern[i] == '*':
			star, mark = i, at
			i++
		case i < len(pattern) && pattern[i] == s[at]:
			i++
			at++
		case star >= 0:
			mark++
			i, at = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[i:], "*") == ""
}

// compare orders patterns from the most to the least specific; 0 only for the same destination.
func compare(a, b Pattern) int {
	return cmp.Or(
		first(a.hostExact, b.hostExact),
		cmp.Compare(b.hostLiteral, a.hostLiteral),
		first(a.port != "", b.port != ""),
		cmp.Compare(b.pathLiteral, a.pathLiteral),
		first(a.pathExact, b.pathExact),
		// Neither is more specific: any order will do that is always the same.
		cmp.Compare(a.String(), b.String()),
	)
}

func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

func quote(s string) string {
	if len(s) > 80 {
		s = s[:80] + "…"
	}
	return strconv.Quote(s)
}
