package appmatch

import (
	"cmp"
	"net/url"
	"path"
	"strings"

	"plumbline.dev/services/internal/hostname"
)

// Pattern is a destination of an application, parsed. Its zero value covers nothing.
type Pattern struct {
	host string // in the form of package hostname, with wildcards; an IPv6 address without brackets
	port string // empty: every port
	path string // decoded, begins with a slash; empty: every path
	// How specific it is: literal characters, and whether host and path hold a wildcard.
	hostLiteral, pathLiteral int
	hostExact, pathExact     bool
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
	t, err := TargetOf(u)
	return err == nil && p.covers(t)
}

func (p *Pattern) covers(t Target) bool { return p.coversOrigin(t) && p.coversPath(t.path) }

// coversOrigin is about host and port alone.
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

// Target is what of a URL is compared: its host and port, and a path.
type Target struct {
	host, port, path string
	authority        string // the host, and the port if the URL has one, in the one form
}

// TargetOf is what of a URL is compared, its path decoded and cleaned. The error says what is wrong with its host.
func TargetOf(u *url.URL) (Target, error) {
	h, err := hostname.Parse(u.Host)
	if err != nil {
		return Target{}, err
	}
	return Target{host: h.Name, port: h.PortOf(u.Scheme), path: cleanPath(u.Path), authority: h.String()}, nil
}

// Authority is the host, and the port if the URL has one, as the Host header of a request has to name it for that
// host to be meant.
func (t Target) Authority() string { return t.authority }

// At is the same host and port with another path, compared as it is given: decoded, not cleaned.
func (t Target) At(path string) Target {
	t.path = path
	return t
}

// Host is the target's host as destinations are compared with it: A-labels, without port and brackets.
func (t Target) Host() string { return t.host }

// cleanPath drops empty segments, "." and ".."; a slash at the end stays.
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
