package forward

import (
	"net/netip"
	"slices"
	"strings"
)

// maxHops bounds the addresses of X-Forwarded-For that are examined.
const maxHops = 64

// ClientAddr returns the client's address: the peer, unless it is a trusted proxy; then the last address of
// X-Forwarded-For, unless that is a trusted proxy too, and so on. It returns the zero Addr if a trusted proxy reports
// a malformed address. It is safe for concurrent use.
func ClientAddr(peer netip.Addr, forwardedFor []string, trusted []netip.Prefix) netip.Addr {
	if peer = plain(peer); !Contains(trusted, peer) {
		return peer
	}
	return walk(peer, forwardedFor, trusted)
}

// clientOf returns the client's address for a request described by a proxy. The proxy is trusted for the last
// address. ok is false without one.
func clientOf(forwardedFor []string, trusted []netip.Prefix) (netip.Addr, bool) {
	a := walk(netip.Addr{}, forwardedFor, trusted)
	return a, a.IsValid()
}

// walk follows the addresses from the right as long as each was reported by a trusted proxy.
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

// parse parses an address as proxies write it, possibly with a port.
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

// Contains reports whether one of the prefixes contains the address.
func Contains(prefixes []netip.Prefix, a netip.Addr) bool {
	a = plain(a)
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}
