package forward

import (
	"net/netip"
	"slices"
	"strings"
)

// maxHops bounds the addresses of X-Forwarded-For that are looked at.
const maxHops = 64

// ClientAddr is where a request came from: the peer, unless that is a trusted proxy; then the address that
// it put at the end of X-Forwarded-For, unless that is one too, and so on. It is the zero Addr where a proxy
// says something that is no address. Safe for concurrent use.
func ClientAddr(peer netip.Addr, forwardedFor []string, trusted []netip.Prefix) netip.Addr {
	if peer = plain(peer); !Contains(trusted, peer) {
		return peer
	}
	return walk(peer, forwardedFor, trusted)
}

// clientOf is where a request came from that a proxy asks about, which is not its client itself: the last
// address is its word. false where it says none.
func clientOf(forwardedFor []string, trusted []netip.Prefix) (netip.Addr, bool) {
	a := walk(netip.Addr{}, forwardedFor, trusted)
	return a, a.IsValid()
}

// walk follows the addresses from the right, for as long as each was said by somebody who is trusted.
func walk(from netip.Addr, forwardedFor []string, trusted []netip.Prefix) netip.Addr {
	hops := 0
	for _, line := range slices.Backward(forwardedFor) {
		for rest, more := line, true; more; {
			at := strings.LastIndexByte(rest, ',')
			text := rest[at+1:]
			rest, more = rest[:max(at, 0)], at >= 0
			a, ok := parse(strings.Trim(text, " \t"))
			if hops++; !ok || hops > maxHops {
				return netip.Addr{}
			}
			if from = a; !Contains(trusted, a) {
				return a
			}
		}
	}
	return from
}

// parse reads an address as proxies write it: some with a port.
func parse(s string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(s); err == nil {
		return plain(a), true
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return plain(ap.Addr()), true
	}
	if inner, ok := strings.CutPrefix(s, "["); ok {
		if a, err := netip.ParseAddr(strings.TrimSuffix(inner, "]")); err == nil && a.Is6() {
			return plain(a), true
		}
	}
	return netip.Addr{}, false
}

func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// Contains tells an address that one of the prefixes covers.
func Contains(prefixes []netip.Prefix, a netip.Addr) bool {
	a = plain(a)
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}
