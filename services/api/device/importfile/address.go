package importfile

import (
	"errors"
	"net/netip"
	"strings"
)

var (
	errNotIPv4 = errors.New("is not an IPv4 address such as 100.64.9.2")
	errNetwork = errors.New("is a network: give the address of the device, alone or with /32")
	errNoHost  = errors.New("is not an address that a device can have")
)

// hostAddress returns the canonical IPv4 address of one host, or "" for a blank value. It also accepts the form of
// WireGuard's tools, with /32, and an address mapped into IPv6. Any other value is an error, because the device could
// never be found by its address.
func hostAddress(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	host, bits, network := strings.Cut(text, "/")
	a, err := netip.ParseAddr(host)
	switch {
	case err != nil || a.Zone() != "" || !a.Unmap().Is4():
		return "", errNotIPv4
	case network && !(bits == "32" && a.Is4() || bits == "128" && a.Is4In6()):
		return "", errNetwork
	}
	a = a.Unmap()
	if a.IsUnspecified() || a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return "", errNoHost
	}
	return a.String(), nil
}
