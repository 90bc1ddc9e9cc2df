package egress

import (
	"encoding/binary"
	"net/netip"
)

// Metadata addresses of clouds outside the link-local range.
var metadata = []struct {
	addr  netip.Addr
	whose string
}{
	{netip.MustParseAddr("fd00:ec2::254"), "AWS"},
	{netip.MustParseAddr("fd20:ce::254"), "Google Cloud"},
	{netip.MustParseAddr("168.63.129.16"), "Azure"},
	{netip.MustParseAddr("100.100.100.200"), "Alibaba Cloud"},
	{netip.MustParseAddr("192.0.0.192"), "Oracle Cloud"},
}

var (
	thisNetwork = netip.MustParsePrefix("0.0.0.0/8") // Linux connects 0.0.0.0 to itself (RFC 1122, 3.2.1.3)
	broadcast   = netip.MustParseAddr("255.255.255.255")
	sixToFour   = netip.MustParsePrefix("2002::/16")    // RFC 3056
	translated  = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052
	compatible  = netip.MustParsePrefix("::/96")        // RFC 4291, 2.5.5.1
)

// plainAddr removes the mapping of IPv4 into IPv6 and a zone, so that equal addresses compare equal.
func plainAddr(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// carried returns the IPv4 address embedded in an IPv6 address for a gateway.
func carried(a netip.Addr) (netip.Addr, bool) {
	if !a.Is6() {
		return netip.Addr{}, false
	}
	b := a.As16()
	switch {
	case sixToFour.Contains(a):
		return netip.AddrFrom4([4]byte(b[2:6])), true
	case translated.Contains(a):
		return netip.AddrFrom4([4]byte(b[12:])), true
	case compatible.Contains(a) && binary.BigEndian.Uint32(b[12:]) > 1: // not :: and ::1
		return netip.AddrFrom4([4]byte(b[12:])), true
	}
	return netip.Addr{}, false
}

// deniedReason returns the reason why an address must not be called by anyone, or "". a must be plain.
func deniedReason(a netip.Addr) string {
	if inner, ok := carried(a); ok {
		if why := deniedReason(inner); why != "" {
			return why
		}
	}
	switch {
	case a.IsUnspecified() || thisNetwork.Contains(a):
		return "an unspecified address"
	case a.IsLinkLocalUnicast():
		return "a link-local address, where clouds serve their metadata"
	case a.IsMulticast() || a == broadcast:
		return "a multicast or broadcast address"
	}
	for _, m := range metadata {
		if a == m.addr {
			return "a metadata address of " + m.whose
		}
	}
	return ""
}

// allowsPlainHTTP reports whether plain http to an address is allowed: the traffic stays on the site.
func allowsPlainHTTP(a netip.Addr) bool { return a.IsLoopback() || a.IsPrivate() }
