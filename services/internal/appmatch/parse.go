package appmatch

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"plumbline.dev/services/internal/excerpt"
	"plumbline.dev/services/internal/hostname"
)

// maxPattern bounds a destination: a host name of 253 bytes, a port, a path.
const maxPattern = 2048

// Parse parses a destination. Its error is a sentence for the author.
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
		return Pattern{}, errors.New("it has a character not allowed in a host or path")
	}
	hostport, rest := s, ""
	if at := strings.IndexByte(s, '/'); at >= 0 {
		hostport, rest = s[:at], s[at:]
	}
	host, err := hostname.ParsePattern(hostport)
	if err != nil {
		return Pattern{}, err
	}
	p := Pattern{host: host.Name, port: host.Port}
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

// patternPath normalizes a path in the same way as [cleanPath].
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
			return "", errors.New("its path has a % without an escape: write %25")
		case decoded == "" || decoded == "." || decoded == "..":
			return "", errors.New("its path has an empty segment, a \".\" or a \"..\"")
		case strings.Count(segment, "*") > 1:
			return "", errors.New("a segment of its path has more than one *")
		case strings.Count(decoded, "*") != strings.Count(segment, "*") || strings.ContainsAny(decoded, "/\x00"):
			return "", errors.New("its path has an escaped * or /, which cannot be matched")
		}
		b.WriteByte('/')
		b.WriteString(decoded)
	}
	return b.String(), nil
}

func quote(s string) string { return excerpt.Quoted(s, 80) }
