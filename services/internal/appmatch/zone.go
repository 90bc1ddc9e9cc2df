package appmatch

import (
	"errors"
	"net/netip"
	"strings"
)

// Within reports whether every host covered by the destination is the host suffix or a name under it. The suffix must
// come from [Suffix]. A wildcard in the part fixed by the suffix may cover other hosts and is not within.
func (p Pattern) Within(suffix string) bool {
	if p.host == suffix {
		return suffix != ""
	}
	rest, ok := strings.CutSuffix(p.host, "."+suffix)
	return ok && rest != "" && suffix != ""
}

// Names reports whether the destination covers exactly one host, given without wildcards.
func (p Pattern) Names(host string) bool { return p.hostExact && p.host != "" && p.host == host }

// Reaches reports whether the destination covers a host that is the suffix or a name under it.
func (p Pattern) Reaches(suffix string) bool {
	if p.host == "" || suffix == "" {
		return false
	}
	mine, theirs := strings.Split(p.host, "."), strings.Split(suffix, ".")
	if len(mine) < len(theirs) {
		return false
	}
	for n, label := range mine[len(mine)-len(theirs):] {
		if !glob(label, theirs[n]) {
			return false
		}
	}
	return true
}

// Overrides reports whether the destination takes requests from another one: some URL is covered by both, and this
// one is more specific.
func (p Pattern) Overrides(other Pattern) bool {
	return p.host != "" && other.host != "" && compare(p, other) < 0 &&
		(p.port == "" || other.port == "" || p.port == other.port) &&
		hostsMeet(p.host, other.host) && pathsMeet(p, other)
}

// Intrudes reports whether the destination takes requests for a host of another one, at any port and path: a page there
// could act in a browser as the pages of the other destination, which share its host or cookies. A less specific
// destination does not if the other one has its host to itself.
func (p Pattern) Intrudes(other Pattern) bool {
	if p.host == "" || other.host == "" || !hostsMeet(p.host, other.host) {
		return false
	}
	return compare(p, other) <= 0 || p.host == other.host || other.port != "" || other.path != ""
}

// hostsMeet reports whether two host patterns have a host in common.
func hostsMeet(a, b string) bool {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	if len(as) != len(bs) {
		return false
	}
	for n := range as {
		if !labelsMeet(as[n], bs[n]) {
			return false
		}
	}
	return true
}

// labelsMeet compares patterns with at most one *.
func labelsMeet(a, b string) bool {
	aHead, aTail, aStar := strings.Cut(a, "*")
	bHead, bTail, bStar := strings.Cut(b, "*")
	switch {
	case !aStar:
		return glob(b, a)
	case !bStar:
		return glob(a, b)
	}
	return (strings.HasPrefix(aHead, bHead) || strings.HasPrefix(bHead, aHead)) &&
		(strings.HasSuffix(aTail, bTail) || strings.HasSuffix(bTail, aTail))
}

// pathsMeet reports whether two path patterns have a path in common. A pattern covers everything below it, and a *
// includes slashes, so the text after the first * excludes nothing.
func pathsMeet(p, q Pattern) bool {
	if !p.pathExact && q.pathExact {
		p, q = q, p
	}
	head, _, _ := strings.Cut(q.path, "*")
	switch {
	case p.pathExact && q.pathExact:
		return strings.HasPrefix(p.path+"/", q.path+"/") || strings.HasPrefix(q.path+"/", p.path+"/")
	case p.pathExact:
		return strings.HasPrefix(p.path+"/", head) || strings.HasPrefix(head, p.path+"/")
	}
	mine, _, _ := strings.Cut(p.path, "*")
	return strings.HasPrefix(mine, head) || strings.HasPrefix(head, mine)
}

// Suffix parses a zone's host suffix: a host name, or an IP address, which stands for itself. It has no wildcard,
// port or path.
func Suffix(s string) (string, error) {
	if addr, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil && addr.Zone() == "" {
		return addr.String(), nil
	}
	p, err := Parse(s)
	switch {
	case err != nil:
		return "", err
	case !p.hostExact || p.port != "" || p.path != "" || strings.Contains(s, "/") || strings.HasPrefix(p.host, "."):
		return "", errors.New("a host suffix is a host name such as example.com, without *, port and path")
	}
	return p.host, nil
}
