package device

import (
	"crypto/x509"
	"net/netip"
	"net/url"
	"testing"

	"plumbline.dev/proto"
)

// certificate has the given subject alternative names. Names beginning with a scheme are URIs.
func certificate(t testing.TB, uris []string, dns ...string) *x509.Certificate {
	t.Helper()
	c := &x509.Certificate{DNSNames: dns}
	for _, text := range uris {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		c.URIs = append(c.URIs, u)
	}
	return c
}

func TestBehind(t *testing.T) {
	d, _, _ := offline(t, "100.64.0.0/10", "fd00::/8", "::ffff:10.1.0.0/112")
	enrol(d, 0, 1, "100.64.0.1", 2, "100.64.0.2", 3, "100.64.0.3")
	enrol(d, 1, 4, "100.64.0.3", 5, "192.0.2.5", 6, "not an address", 7, "10.1.0.7")
	urn := func(n int) string { return "urn:uuid:" + dev(n).String() }
	none := proto.ID{}
	for _, c := range []struct {
		name string
		peer string
		cert *x509.Certificate
		want proto.ID
	}{
		{"by address", "100.64.0.1", nil, dev(1)},
		{"by address, mapped into IPv6", "::ffff:100.64.0.2", nil, dev(2)},
		{"an address that nobody has", "100.64.0.9", nil, none},
		{"an address that two have", "100.64.0.3", nil, none},
		{"an address outside of the overlay", "192.0.2.5", nil, none},
		{"an overlay that was given mapped into IPv6", "10.1.0.7", nil, dev(7)},
		{"an IPv6 address of the overlay", "fd00::1", nil, none},
		{"an address with a zone", "fd00::1%eth0", nil, none},
		{"no address", "", nil, none},

		{"by certificate", "203.0.113.9", certificate(t, []string{urn(1)}), dev(1)},
		{"by certificate, no address known", "", certificate(t, []string{urn(1)}), dev(1)},
		{"by DNS name", "203.0.113.9", certificate(t, nil, dev(2).String()), dev(2)},
		{"in upper case", "", certificate(t, []string{"URN:UUID:D0000000-0000-0000-0000-000000000001"}), dev(1)},
		{"by both, agreeing", "100.64.0.1", certificate(t, []string{"https://example.com/a", urn(1), urn(1)}, "laptop.example", dev(1).String()), dev(1)},
		{"a device without an address", "100.64.0.9", certificate(t, []string{urn(6)}), dev(6)},
		{"of a device that two share an address with", "100.64.0.3", certificate(t, []string{urn(4)}), dev(4)},
		{"two devices", "100.64.0.1", certificate(t, []string{urn(1), urn(2)}), none},
		{"two devices, by URI and DNS name", "100.64.0.1", certificate(t, []string{urn(1)}, dev(2).String()), none},
		{"a removed device", "203.0.113.9", certificate(t, []string{urn(99)}), none},
		{"a removed device at another's address", "100.64.0.1", certificate(t, []string{urn(99)}), none},
		{"at another device's address", "100.64.0.2", certificate(t, []string{urn(1)}), none},
		{"no id", "100.64.0.1", certificate(t, []string{"urn:uuid:laptop"}), none},
		{"an id and more", "100.64.0.1", certificate(t, []string{urn(1) + "?x"}), none},
		{"an id and a fragment", "100.64.0.1", certificate(t, []string{urn(1) + "#x"}), none},
		{"an empty id", "100.64.0.1", certificate(t, []string{"urn:uuid:"}), none},
		{"the zero id", "100.64.0.1", certificate(t, []string{"urn:uuid:" + none.String()}), none},
		{"an id and then none", "", certificate(t, []string{urn(1), "urn:uuid:x"}), none},
		{"a certificate that names no device", "100.64.0.1", certificate(t, []string{"urn:oid:1.2", "spiffe://a/b", "https://" + dev(2).String()}, "laptop.example"), dev(1)},
		{"an id in a longer name", "100.64.0.1", certificate(t, nil, dev(2).String()+".example"), dev(1)},
		{"an empty certificate", "203.0.113.9", &x509.Certificate{}, none},
	} {
		var peer netip.Addr
		if c.peer != "" {
			peer = netip.MustParseAddr(c.peer)
		}
		if got, ok := d.Behind(account, peer, c.cert); got != c.want || ok != (c.want != none) {
			t.Errorf("%s: %v, %t, want %v", c.name, got, ok, c.want)
		}
		if _, ok := d.Behind(proto.Account{9}, peer, c.cert); ok {
			t.Errorf("%s: another account knows the device", c.name)
		}
	}
}

// No request comes from a removed device, and its address belongs to the next device.
func TestBehindFollowsTheInventory(t *testing.T) {
	d, _, _ := offline(t, "100.64.0.0/10")
	peer, cert := netip.MustParseAddr("100.64.0.1"), certificate(t, []string{"urn:uuid:" + dev(1).String()})
	behind := func(peer netip.Addr, cert *x509.Certificate, want proto.ID) {
		t.Helper()
		if got, _ := d.Behind(account, peer, cert); got != want {
			t.Errorf("%v, want %v", got, want)
		}
	}
	enrol(d, 0, 1, "100.64.0.1")
	behind(peer, nil, dev(1))
	behind(netip.Addr{}, cert, dev(1))
	enrol(d, 1, 2, "100.64.0.1") // two have it now
	behind(peer, nil, proto.ID{})
	enrol(d, 0) // and now the other
	behind(peer, nil, dev(2))
	behind(netip.Addr{}, cert, proto.ID{})
	enrol(d, 1, 2, "100.64.0.1", 1, "100.64.0.7") // enrolled again, elsewhere
	behind(netip.Addr{}, cert, dev(1))
	enrol(d, 5, 1, "100.64.0.7") // in two pages, while one of them is yet to be seen
	behind(netip.Addr{}, cert, proto.ID{})
	behind(netip.MustParseAddr("100.64.0.7"), nil, proto.ID{})
	enrol(d, 1, 2, "100.64.0.1")
	behind(netip.Addr{}, cert, dev(1))
	behind(netip.MustParseAddr("100.64.0.7"), nil, dev(1))
}

func TestWithoutAnOverlayNoAddressCounts(t *testing.T) {
	d, _, _ := offline(t)
	enrol(d, 0, 1, "100.64.0.1")
	if _, ok := d.Behind(account, netip.MustParseAddr("100.64.0.1"), nil); ok {
		t.Error("an address counts that nobody said to trust")
	}
}
