package forward

import (
	"net/netip"
	"strings"
	"testing"
)

func prefixes(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, s := range texts {
		all = append(all, netip.MustParsePrefix(s))
	}
	return all
}

func TestClientAddr(t *testing.T) {
	trusted := prefixes("10.0.0.0/8", "fd00::/8")
	for _, c := range []struct {
		name, peer, want string
		forwardedFor     []string
	}{
		{"nobody in between", "192.0.2.1", "192.0.2.1", nil},
		{"a client's own word", "192.0.2.1", "192.0.2.1", []string{"198.51.100.1"}},
		{"one proxy", "10.0.0.1", "192.0.2.1", []string{"192.0.2.1"}},
		{"what the client said before the proxy", "10.0.0.1", "192.0.2.1", []string{"10.9.9.9, 192.0.2.1"}},
		{"two proxies", "10.0.0.1", "192.0.2.1", []string{"198.51.100.1, 192.0.2.1 ,10.0.0.2"}},
		{"in two lines", "10.0.0.1", "192.0.2.1", []string{"198.51.100.1, 192.0.2.1", "10.0.0.2"}},
		{"proxies all along", "10.0.0.1", "10.0.0.3", []string{"10.0.0.3, 10.0.0.2"}},
		{"a proxy's own request", "10.0.0.1", "10.0.0.1", nil},
		{"mapped", "::ffff:10.0.0.1", "192.0.2.1", []string{"::ffff:192.0.2.1"}},
		{"IPv6", "fd00::1", "2001:db8::1", []string{"2001:db8::1"}},
		{"IPv6 in brackets", "fd00::1", "2001:db8::1", []string{"[2001:db8::1]"}},
		{"with a port", "10.0.0.1", "192.0.2.1", []string{"192.0.2.1:4711"}},
		{"IPv6 with a port", "10.0.0.1", "2001:db8::1", []string{"[2001:db8::1]:4711"}},
		{"with a zone", "10.0.0.1", "fe80::1", []string{"fe80::1%eth0"}},
		{"no address", "10.0.0.1", "invalid IP", []string{"192.0.2.1, unknown"}},
		{"empty", "10.0.0.1", "invalid IP", []string{""}},
		{"an empty end", "10.0.0.1", "invalid IP", []string{"192.0.2.1,"}},
		{"nonsense further left does not count", "10.0.0.1", "192.0.2.1", []string{"nonsense, 192.0.2.1"}},
		{"too many", "10.0.0.1", "invalid IP", []string{"192.0.2.1" + strings.Repeat(", 10.0.0.2", maxHops)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := ClientAddr(netip.MustParseAddr(c.peer), c.forwardedFor, trusted).String(); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
	if a, ok := clientOf([]string{"10.1.1.1, 192.0.2.1"}, nil); !ok || a.String() != "192.0.2.1" {
		t.Errorf("%s, %t", a, ok)
	}
	if a, ok := clientOf(nil, trusted); ok {
		t.Errorf("an address from nothing: %s", a)
	}
}

// Untrusted clients cannot choose their address by adding entries before those of the trusted proxy.
func FuzzClientAddr(f *testing.F) {
	for _, s := range []string{"", "10.0.0.1", "x, 10.0.0.2,,", "[::1]:80", ","} {
		f.Add(s)
	}
	trusted := prefixes("10.0.0.0/8")
	f.Fuzz(func(t *testing.T, claim string) {
		const client = "192.0.2.1"
		if got := ClientAddr(netip.MustParseAddr("10.0.0.1"), []string{claim + ", " + client},
			trusted).String(); got != client {
			t.Errorf("after %q: %s", claim, got)
		}
		if got := ClientAddr(netip.MustParseAddr(client), []string{claim}, trusted).String(); got != client {
			t.Errorf("with %q: %s", claim, got)
		}
	})
}
