package egress

import (
	"net"
	"net/netip"
	"slices"
)

// internal are networks besides the private ones that do not belong to the internet, or that belong to the machine or
// site which calls them.
var internal = []netip.Prefix{
	thisNetwork,
	netip.MustParsePrefix("100.64.0.0/10"),   // shared, RFC 6598
	netip.MustParsePrefix("192.0.0.0/24"),    // protocol assignments, RFC 6890
	netip.MustParsePrefix("192.0.2.0/24"),    // documentation, RFC 5737
	netip.MustParsePrefix("198.18.0.0/15"),   // benchmarks, RFC 2544
	netip.MustParsePrefix("198.51.100.0/24"), // documentation, RFC 5737
	netip.MustParsePrefix("203.0.113.0/24"),  // documentation, RFC 5737
	netip.MustParsePrefix("240.0.0.0/4"),     // reserved, RFC 1112
	netip.MustParsePrefix("64:ff9b:1::/48"),  // local translation, RFC 8215
	netip.MustParsePrefix("fec0::/10"),       // site-local, RFC 3879
}

// Discloses reports whether a response from an address may be shown to people who may choose the URL of a call: the
// address is public and belongs to no interface of this machine, or Allow has it. Otherwise such people could read what
// only the network of the caller can. If the address is that of a proxy, only Allow counts: the target's is unknown.
func (c Config) Discloses(from netip.Addr, proxied bool) bool {
	return c.discloses(from, proxied, net.InterfaceAddrs)
}

func (c Config) discloses(from netip.Addr, proxied bool, interfaces func() ([]net.Addr, error)) bool {
	a, machine := plainAddr(from), policy{interfaces: interfaces}
	return contains(c.Allow, a) || !proxied && isPublic(a) && !machine.mine(a)
}

// isPublic reports whether an address belongs to the internet. a must be plain.
func isPublic(a netip.Addr) bool {
	if inner, ok := carried(a); ok {
		return isPublic(inner)
	}
	return a.IsGlobalUnicast() && !a.IsPrivate() && deniedReason(a) == "" &&
		!slices.ContainsFunc(internal, func(p netip.Prefix) bool { return p.Contains(a) })
}
