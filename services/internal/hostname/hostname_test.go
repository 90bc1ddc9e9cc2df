package hostname

import (
	"strings"
	"testing"
)

func TestHosts(t *testing.T) {
	long := strings.Repeat("a", 63)
	for typed, want := range map[string]string{
		"example.com": "example.com", "EXAMPLE.com.": "example.com", "a_b.example.com": "a_b.example.com", "192.0.2.1": "192.0.2.1",
		"bücher.example": "xn--bcher-kva.example", "BÜCHER.example": "xn--bcher-kva.example", "XN--BCHER-KVA.example": "xn--bcher-kva.example",
		"bu\u0308cher.example": "xn--bcher-kva.example", "straße.example": "xn--strae-oqa.example", "ｅｘａｍｐｌｅ．ｃｏｍ": "example.com",
		"example。com": "example.com", "r3---sn.example.com": "r3---sn.example.com", "a_b.bücher.example": "a_b.xn--bcher-kva.example",
		"example.com:8443": "example.com:8443", "bücher.example:80": "xn--bcher-kva.example:80", "example.com.:1": "example.com:1",
		"[2001:DB8::0:1]": "[2001:db8::1]", "[::1]:80": "[::1]:80", long + ".example": long + ".example",
		// No host.
		"": "", ":80": "", ".": "", "..": "", "example.com..": "", ".example.com": "", "a..b": "", "example.com:": "", "example.com:0": "",
		"example.com:08443": "", "example.com:65536": "", "example.com:+80": "", "example.com:80:80": "", "example.com:８０": "",
		"example.com:a": "", "[::1": "", "[::1]80": "", "[::1]:": "", "[fe80::1%eth0]": "", "[fe80::1%25eth0]": "", "[192.0.2.1]": "",
		"::1": "", "a b": "", "a/b": "", "a@b": "", "a%62": "", "caf%C3%A9.example": "", "a／b.example": "", "a：80": "", "a\x00b": "",
		"a\xffb.example": "", "*.example.com": "", "xn--a.example": "", "xn--bcher-KVA-.example": "", "xn--.example": "",
		"xn--example-.com": "", "a.\u00ad.b": "", "\u0645a.example": "", "a\u200db.example": "", long + "a.example": "",
		strings.Repeat("a.", 127): "", strings.Repeat("ü", 2000): "",
	} {
		h, err := Parse(typed)
		got := ""
		if err == nil {
			got = h.String()
		}
		if got != want && !(typed == strings.Repeat("a.", 127) && len(got) == 253) {
			t.Errorf("%q: %q, %v; want %q", typed, got, err, want)
		}
	}
}

func TestPatterns(t *testing.T) {
	for typed, want := range map[string]string{
		"*.Bücher.example": "*.xn--bcher-kva.example", "a*b.example": "a*b.example", "*": "*", "*.example.com:80": "*.example.com:80",
		"bü*.example": "", "**.example": "", "*.exa mple": "", "*..example": "",
	} {
		h, err := ParsePattern(typed)
		got := ""
		if err == nil {
			got = h.String()
		}
		if got != want {
			t.Errorf("%q: %q, %v; want %q", typed, got, err, want)
		}
	}
}

func TestPorts(t *testing.T) {
	for _, c := range []struct{ host, scheme, want string }{
		{"a:1", "https", "1"}, {"a", "https", "443"}, {"a", "HTTP", "80"}, {"a", "ws", "80"}, {"a", "ftp", ""},
	} {
		if h, err := Parse(c.host); err != nil || h.PortOf(c.scheme) != c.want {
			t.Errorf("%s://%s: port %q, %v", c.scheme, c.host, h.PortOf(c.scheme), err)
		}
	}
}

// FuzzParse: a canonical host parses to itself, and net/http sends it unchanged.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"bücher.example:80", "[::1]:80", "xn--bcher-kva.example", "a..b", "ＥＸ．com", "a\u200db"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		h, err := Parse(s)
		if err != nil {
			return
		}
		if again, err := Parse(h.String()); err != nil || again != h {
			t.Fatalf("%q is %v, which is %v, %v", s, h, again, err)
		}
		if !isASCII(h.String()) || strings.ContainsAny(h.String(), "/?#@\\ %*") || lower(h.String()) != h.String() {
			t.Fatalf("%q is %q", s, h)
		}
	})
}
