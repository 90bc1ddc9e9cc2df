package egress

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func testPolicy(t *testing.T, cfg Config) *policy {
	t.Helper()
	p, err := newPolicy(cfg)
	if err != nil {
		t.Fatal(err)
	}
	p.interfaces = func() ([]net.Addr, error) {
		return []net.Addr{&net.IPNet{IP: net.IPv4(10, 0, 0, 5), Mask: net.CIDRMask(24, 32)},
			&net.IPNet{IP: net.ParseIP("2001:db8::5"), Mask: net.CIDRMask(64, 128)}}, nil
	}
	p.lookup = func(_ context.Context, _, name string) ([]netip.Addr, error) {
		if name == "nats" {
			return []netip.Addr{netip.MustParseAddr("172.20.0.3")}, nil
		}
		return nil, errors.New("no such host")
	}
	return p
}

func verdict(p *policy, scheme, addr string) error {
	return p.check(context.Background(), scheme, netip.MustParseAddrPort(addr))
}

func TestAddressesThatAreNeverCalled(t *testing.T) {
	p := testPolicy(t, Config{Allow: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}})
	for _, addr := range []string{
		"169.254.169.254:80", "169.254.0.1:443", "[::ffff:169.254.169.254]:80", "[fe80::1]:443", "[fe80::1%eth0]:443",
		"[fe80::a9fe:a9fe%25]:80", "[fd00:ec2::254]:80", "[fd20:ce::254]:80", "168.63.129.16:80", "100.100.100.200:80",
		"192.0.0.192:80", "[::ffff:100.100.100.200]:80", "0.0.0.0:80", "0.1.2.3:80", "[::]:80", "[::ffff:0.0.0.0]:80",
		"224.0.0.1:80", "239.255.255.250:1900", "[ff02::1]:80", "[ff0e::1]:80", "255.255.255.255:80",
		// The same, as a gateway would carry them.
		"[64:ff9b::a9fe:a9fe]:80", "[2002:a9fe:a9fe::1]:80", "[::a9fe:a9fe]:80", "[64:ff9b::6464:64c8]:80",
	} {
		for _, scheme := range []string{"http", "https", ""} {
			var e *Error
			if err := verdict(p, scheme, addr); !errors.As(err, &e) || e.Kind != Denied {
				t.Errorf("%s %s: %v", scheme, addr, err)
			} else if !strings.HasSuffix(e.Sentence, ".") || !strings.Contains(e.Sentence, "never") {
				t.Errorf("%s: %s", addr, e.Sentence)
			}
		}
	}
}

func TestAllowAndDeny(t *testing.T) {
	prefixes := func(text ...string) (p []netip.Prefix) {
		for _, s := range text {
			p = append(p, netip.MustParsePrefix(s))
		}
		return p
	}
	for _, c := range []struct {
		name, scheme, addr string
		cfg                Config
		ok                 bool
	}{
		{"a public address", "https", "203.0.113.9:443", Config{}, true},
		{"a private address", "https", "10.1.2.3:443", Config{}, true},
		{"plain http to loopback", "http", "127.0.0.1:8402", Config{}, true},
		{"plain http to IPv6 loopback", "http", "[::1]:8402", Config{}, true},
		{"plain http to 10/8", "http", "10.1.2.3:80", Config{}, true},
		{"plain http to 172.16/12", "http", "172.31.0.9:80", Config{}, true},
		{"plain http to 192.168/16", "http", "192.168.1.1:80", Config{}, true},
		{"plain http to a unique local address", "http", "[fd12::1]:80", Config{}, true},
		{"plain http to a mapped private address", "http", "[::ffff:10.0.0.1]:80", Config{}, true},
		{"plain http to a public address", "http", "203.0.113.9:80", Config{}, false},
		{"plain http to a mapped public address", "http", "[::ffff:203.0.113.9]:80", Config{}, false},
		{"plain http to a public IPv6 address", "http", "[2001:db8::9]:80", Config{}, false},
		{"plain http past 172.16/12", "http", "172.32.0.1:80", Config{}, false},
		{"plain http by way of a proxy", "", "203.0.113.9:3128", Config{}, true},
		{"denied", "https", "10.1.2.3:443", Config{Deny: prefixes("10.0.0.0/8")}, false},
		{"denied, mapped", "https", "[::ffff:10.1.2.3]:443", Config{Deny: prefixes("10.0.0.0/8")}, false},
		{"denied, carried", "https", "[64:ff9b::10.1.2.3]:443", Config{Deny: prefixes("10.0.0.0/8")}, false},
		{"not denied", "https", "11.1.2.3:443", Config{Deny: prefixes("10.0.0.0/8")}, true},
		{"allowed", "https", "10.1.2.3:443", Config{Allow: prefixes("10.1.0.0/16")}, true},
		{"not allowed", "https", "10.2.2.3:443", Config{Allow: prefixes("10.1.0.0/16")}, false},
		{"allowed and denied", "https", "10.1.2.3:443", Config{Allow: prefixes("10.1.0.0/16"), Deny: prefixes("10.1.2.0/24")}, false},
		{"allowed, but public over http", "http", "203.0.113.9:80", Config{Allow: prefixes("203.0.113.0/24")}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := verdict(testPolicy(t, c.cfg), c.scheme, c.addr)
			if (err == nil) != c.ok {
				t.Error(err)
			}
		})
	}
}

func TestOwnPorts(t *testing.T) {
	for _, c := range []struct {
		own, addr string
		denied    bool
	}{
		{"127.0.0.1:8400", "127.0.0.1:8400", true},
		{"127.0.0.1:8400", "127.0.0.1:8401", false},
		{"127.0.0.1:8400", "127.9.9.9:8400", true},
		{"127.0.0.1:8400", "[::1]:8400", true},
		{"127.0.0.1:8400", "[::ffff:127.0.0.1]:8400", true},
		{"127.0.0.1:8400", "10.0.0.5:8400", false},
		{"[::1]:8400", "127.0.0.1:8400", true},
		{"localhost:8400", "127.0.0.1:8400", true},
		{"LOCALHOST:8400", "[::1]:8400", true},
		{"0.0.0.0:8400", "127.0.0.1:8400", true},
		{"0.0.0.0:8400", "10.0.0.5:8400", true},
		{"0.0.0.0:8400", "[::ffff:10.0.0.5]:8400", true},
		{"0.0.0.0:8400", "10.0.0.6:8400", false},
		{"[::]:8400", "[2001:db8::5]:8400", true},
		{"[::]:8400", "10.0.0.5:8400", true},
		{"[::]:8400", "10.0.0.5:8401", false},
		{":8400", "127.0.0.2:8400", true},
		{":8400", "10.0.0.5:8400", true},
		{"10.0.0.5:8400", "10.0.0.5:8400", true},
		{"[::ffff:10.0.0.5]:8400", "10.0.0.5:8400", true},
		{"10.0.0.5:8400", "127.0.0.1:8400", false},
		{"nats:4222", "172.20.0.3:4222", true},
		{"nats:4222", "172.20.0.3:80", false},
		{"nats:4222", "172.20.0.4:4222", false},
		{"gone:4222", "172.20.0.3:4222", false},
	} {
		err := verdict(testPolicy(t, Config{DenyAddrs: []string{"192.0.2.1:1", c.own}}), "https", c.addr)
		if (err != nil) != c.denied {
			t.Errorf("own %s, called %s: %v", c.own, c.addr, err)
		}
	}
	for _, bad := range []string{"", "host", "host:", "host:0", "host:http", "host:70000", "1:2:3", "[::1]"} {
		if _, err := newPolicy(Config{DenyAddrs: []string{bad}}); err == nil {
			t.Errorf("%q was taken for an address", bad)
		}
	}
}

// However an IPv4 address is written into IPv6, the verdict is the same.
func TestMappedAddressesAreJudgedAlike(t *testing.T) {
	p := testPolicy(t,
		Config{Deny: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}, DenyAddrs: []string{":8400"}})
	rapid.Check(t, func(t *rapid.T) {
		first := rapid.SampledFrom([]byte{0, 10, 100, 127, 168, 169, 172, 192, 198, 203, 224, 255}).Draw(t, "first")
		a := netip.AddrFrom4([4]byte{first, rapid.Byte().Draw(t, "b"), rapid.Byte().Draw(t, "c"), rapid.Byte().Draw(t, "d")})
		port := rapid.SampledFrom([]uint16{80, 8400}).Draw(t, "port")
		scheme := rapid.SampledFrom([]string{"http", "https"}).Draw(t, "scheme")
		plain := p.check(context.Background(), scheme, netip.AddrPortFrom(a, port))
		mapped := p.check(context.Background(), scheme, netip.AddrPortFrom(netip.AddrFrom16(a.As16()), port))
		if (plain == nil) != (mapped == nil) {
			t.Fatalf("%s: %v, mapped: %v", a, plain, mapped)
		}
	})
}
