package device

import (
	"crypto/x509"
	"net/netip"
	"strings"

	"plumbline.dev/proto"
)

// Behind returns the enrolled device behind a request.
//
// The caller must have verified the certificate. It names a device by a URI urn:uuid:<id> or a DNS name <id> among
// its subject alternative names. All such names must agree, and the device must be enrolled. If the certificate names
// a removed device, several devices or a malformed id, Behind returns no device and ignores the address.
//
// The address identifies a device if it lies in one of the trusted overlay networks and is the virtual_ipv4 of
// exactly one device. It should be the TCP peer's, or the one reported by a trusted proxy.
//
// If certificate and address name two devices, Behind returns none. Either a key was copied or traffic takes an
// unexpected path, and the healthier of the two must not lend its result to the other.
func (d *Devices) Behind(account proto.Account, peer netip.Addr, cert *x509.Certificate) (proto.ID, bool) {
	byAddress, known := d.byAddress(account, peer)
	named, id, agreed := certified(cert)
	if !named {
		return byAddress, known
	}
	if !agreed || (known && byAddress != id) {
		return proto.ID{}, false
	}
	if _, enrolled := d.inventory.find(account, id); !enrolled {
		return proto.ID{}, false
	}
	return id, true
}

func (d *Devices) byAddress(account proto.Account, peer netip.Addr) (proto.ID, bool) {
	peer = peer.Unmap()
	for _, network := range d.overlay {
		if network.Contains(peer) {
			return d.inventory.holder(account, overlayAddress(peer))
		}
	}
	return proto.ID{}, false
}

// idLength is the length of an id as text.
const idLength = 36

// certified reports whether a certificate names a device, its id, and whether all its names agree.
func certified(cert *x509.Certificate) (named bool, id proto.ID, agreed bool) {
	if cert == nil {
		return false, id, false
	}
	agreed = true
	one := func(text string) {
		next, err := proto.ParseID(text)
		agreed = agreed && err == nil && !next.IsZero() && (!named || next == id)
		named, id = true, next
	}
	for _, u := range cert.URIs {
		const urn = "uuid:" // RFC 8141: scheme and namespace in either case
		if !strings.EqualFold(u.Scheme, "urn") || len(u.Opaque) < len(urn) || !strings.EqualFold(u.Opaque[:len(urn)], urn) {
			continue
		}
		text := u.Opaque[len(urn):]
		if u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
			text = "" // an id with a suffix is malformed
		}
		one(text)
	}
	for _, name := range cert.DNSNames {
		if len(name) != idLength {
			continue // skips host names cheaply
		}
		if _, err := proto.ParseID(name); err == nil {
			one(name)
		}
	}
	return named, id, agreed
}
