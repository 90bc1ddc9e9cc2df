package egress

import (
	"errors"
	"net"
	"net/netip"
	"testing"
)

// TestDiscloses checks which responses are shown to people who may choose the URL: those of the internet, and those of
// networks that the operator lists.
func TestDiscloses(t *testing.T) {
	own := func() ([]net.Addr, error) {
		return []net.Addr{&net.IPNet{IP: net.ParseIP("8.8.4.4"), Mask: net.CIDRMask(24, 32)}}, nil
	}
	site := []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00:1::/64")}
	for address, want := range map[string]struct{ alone, listed bool }{
		"8.8.8.8":              {true, true},
		"2606:4700:4700::1111": {true, true},
		"::ffff:8.8.8.8":       {true, true},
		"64:ff9b::808:808":     {true, true}, // 8.8.8.8, translated
		"8.8.4.4":              {},           // an interface of the machine, which no firewall protects from it
		"::ffff:8.8.4.4":       {},
		"127.0.0.1":            {},
		"::1":                  {},
		"::ffff:127.0.0.1":     {},
		"10.1.2.3":             {false, true},
		"::ffff:10.1.2.3":      {false, true},
		"64:ff9b::a01:203":     {false, true}, // 10.1.2.3, translated
		"2002:a01:203::1":      {false, true}, // 10.1.2.3, by 6to4
		"10.2.2.3":             {},
		"172.16.0.1":           {},
		"192.168.1.1":          {},
		"100.64.0.1":           {},
		"169.254.169.254":      {},
		"198.18.0.1":           {},
		"0.0.0.0":              {},
		"255.255.255.255":      {},
		"240.0.0.1":            {},
		"fd00:1::5":            {false, true},
		"fd00:2::5":            {},
		"fe80::1%eth0":         {},
		"fec0::1":              {},
		"ff02::1":              {},
		"::":                   {},
	} {
		a := netip.MustParseAddr(address)
		if got := (Config{}).discloses(a, false, own); got != want.alone {
			t.Errorf("%s: %v, want %v", address, got, want.alone)
		}
		if got := (Config{Allow: site}).discloses(a, false, own); got != want.listed {
			t.Errorf("%s with listed networks: %v, want %v", address, got, want.listed)
		}
		if got := (Config{Allow: site}).discloses(a, true, own); got != (want.listed && !want.alone) {
			t.Errorf("the proxy %s: %v", address, got)
		}
	}
	unknown := func() ([]net.Addr, error) { return nil, errors.New("no such file") }
	if (Config{}).discloses(netip.MustParseAddr("8.8.8.8"), false, unknown) {
		t.Error("the addresses of the machine are unknown, and a response is shown")
	}
	if (Config{}).Discloses(netip.Addr{}, false) {
		t.Error("a response from an unknown address is shown")
	}
}
