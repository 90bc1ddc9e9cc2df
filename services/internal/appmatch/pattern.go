package appmatch

import (
	"cmp"
	"net/url"
	"path"
	"strings"

	"plumbline.dev/services/internal/hostname"
)

// Pattern is a parsed destination. Its zero value covers nothing.
type Pattern struct {
	host string // in the form of package hostname, with wildcards; an IPv6 address without brackets
	port string // empty: every port
	path string // decoded, with a leading slash; empty: every path
	// Its specificity: literal characters, and whether host and path have no wildcard.
	hostLiteral, pathLiteral int
	hostExact, pathExact     bool
}

// String returns the canonical form of the destination: in lower case, without a trailing slash, with minimal escapes
// in its path. Destinations with equal Strings are equal.
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

// escape escapes characters that parse would reject or decode.
var escape = strings.NewReplacer("%", "%25", "?", "%3F", "#", "%23", "\\", "%5C", " ", "%20", "\t", "%09", "\r", "%0D",
	"\n", "%0A")

// Covers reports whether the destination covers a URL.
func (p Pattern) Covers(u *url.URL) bool {
	t, err := TargetOf(u)
	return err == nil && p.covers(t)
}

func (p *Pattern) covers(t Target) bool { return p.coversOrigin(t) && p.coversPath(t.path) }

// coversOrigin compares host and port only.
func (p *Pattern) coversOrigin(t Target) bool {
	return p.host != "" && (p.port == "" || p.port == t.port) && p.coversHost(t.host)
}

func (p *Pattern) coversHost(host string) bool {
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

func (p *Pattern) coversPath(path string) bool {
	if p.pathExact {
		rest, ok := strings.CutPrefix(path, p.path)
		return ok && (rest == "" || p.path == "" || rest[0] == '/')
	}
	return glob(p.path, path) || glob(p.path+"/*", path)
}

// Target is the compared part of a URL: its host, port and path.
type Target struct {
	host, port, path string
	authority        string // the canonical host, with the URL's port if it has one
}

// TargetOf returns the target of a URL, with a decoded and cleaned path. Its error describes a malformed host.
func TargetOf(u *url.URL) (Target, error) {
	h, err := hostname.Parse(u.Host)
	if err != nil {
		return Target{}, err
	}
	return Target{host: h.Name, port: h.PortOf(u.Scheme), path: cleanPath(u.Path), authority: h.String()}, nil
}

// Authority returns the host, with the URL's port if it has one, for use as a Host header.
func (t Target) Authority() string { return t.authority }

// At returns the target with another path, which must be decoded and is not cleaned.
func (t Target) At(path string) Target {
	t.path = path
	return t
}

// Host returns the target's host as compared with destinations: A-labels, without port and brackets.
func (t Target) Host() string { return t.host }

// cleanPath removes empty segments, "." and ".."; a trailing slash stays.
func cleanPath(p string) string {
	if !strings.HasPrefix(p, "/") {
		p = "/" + p
	}
	clean := path.Clean(p)
	if strings.HasSuffix(p, "/") && clean != "/" {
		clean += "/"
	}
	return clean
}

// glob reports whether s matches pattern, where * stands for any characters. It takes at most len(pattern) × len(s)
// steps.
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

// compare orders patterns from the most to the least specific; 0 only for equal destinations.
func compare(a, b Pattern) int {
	return cmp.Or(
		first(a.hostExact, b.hostExact),
		cmp.Compare(b.hostLiteral, a.hostLiteral),
		first(a.port != "", b.port != ""),
		cmp.Compare(b.pathLiteral, a.pathLiteral),
		first(a.pathExact, b.pathExact),
		// Equally specific: any fixed order will do.
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
