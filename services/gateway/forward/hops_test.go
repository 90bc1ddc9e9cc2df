package forward

import (
	"slices"
	"strings"
	"testing"
)

func TestScheme(t *testing.T) {
	trusted := prefixes("10.0.0.0/8")
	for _, c := range []struct{ protos, addrs, want string }{
		{"https", "", "https"}, {"http", "198.51.100.7", "http"}, {"HTTPS", "", "https"}, {"Http", "", "http"}, {"wss", "", "https"}, {"WS", "", "http"},
		{"https,http", "", "https"}, {"https, https", "", "https"}, {"https|http", "", "https"}, {"https|https", "198.51.100.7", "https"},
		{"https , http", "198.51.100.7", "https"}, {"http, https", "", "http"}, {" https", "", ""}, {"https,http", "198.51.100.7, 10.0.0.1", "https"},
		// The client sent the first entry itself: its proxy added the second, with its address.
		{"https,http", "192.0.2.1, 198.51.100.7", "http"}, {"http,https", "192.0.2.1|198.51.100.7", "https"},
		{"https,http,http", "192.0.2.1, 198.51.100.7, 10.0.0.1", "http"}, {"https,http", "192.0.2.1, unknown", "http"},
		{"", "", ""}, {"ftp", "", ""}, {"httpss", "", ""}, {",https", "", ""}, {"https,", "", "https"},
		{strings.Repeat("https,", 1000) + "http", "", "https"},
	} {
		if got := Scheme(lines(c.protos), lines(c.addrs), trusted); got != c.want {
			t.Errorf("%.40q with %.40q is %q, want %q", c.protos, c.addrs, got, c.want)
		}
	}
}

func TestHost(t *testing.T) {
	trusted := prefixes("10.0.0.0/8")
	for _, c := range []struct{ hosts, addrs, want string }{
		{"a.example", "", "a.example"}, {"a.example:8443", "198.51.100.7, 10.0.0.1", "a.example:8443"}, {"a.example, a.example", "", "a.example"},
		{"a.example, A.example", "", "a.example"}, {"a.example|a.example", "", ""}, {"a.example, b.example", "", ""}, {"a.example|b.example", "198.51.100.7", ""},
		{"a.example, b.example", "198.51.100.7, 10.0.0.1", "a.example"}, {"evil.example, b.example", "192.0.2.1, 198.51.100.7", "b.example"},
		{"", "", ""}, {"a.example,", "", ""},
	} {
		if got := Host(lines(c.hosts), lines(c.addrs), trusted); got != c.want {
			t.Errorf("%q with %q is %q, want %q", c.hosts, c.addrs, got, c.want)
		}
	}
}

// lines parts the lines of a header; none of an empty text.
func lines(s string) []string {
	return slices.DeleteFunc(strings.Split(s, "|"), func(l string) bool { return l == "" })
}
