package device

import (
	"crypto/x509"
	"net/netip"
	"strings"

	"plumbline.dev/proto"
)

// Behind tells which enrolled device is behind a request.
//
// A certificate, which the caller must have verified, names a device by a URI urn:uuid:<id> or a DNS name
// <id> among its subject alternative names. All that name one must name the same, and it must be enrolled: a
// certificate that names a device which was removed, or several, or something that is no id, stands for none,
// and the address is not asked then.
//
// An address counts where it lies in one of the overlay networks that the operator trusts, and is the
// virtual_ipv4 of exactly one device. It should be that of the TCP peer, or what a trusted proxy says of it.
//
// Where certificate and address name two devices, the request is nobody's: either a key was copied, or
// traffic does not take the way that it should, and the healthier of two devices must not lend its result to
// the other.
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

// idLength is that of an id's text.
const idLength = 36

// certified tells whether a certificate names a device, which, and whether it names one only.
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
			text = "" // an id and more is not an id
		}
		one(text)
	}
	for _, name := range cert.DNSNames {
		if len(name) != idLength {
			continue // so that names of hosts cost nothing
		}
		if _, err := proto.ParseID(name); err == nil {
			one(name)
		}
	}
	return named, id, agreed
}
