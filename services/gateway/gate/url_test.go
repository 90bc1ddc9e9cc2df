package gate

import (
	"net/url"
	"strings"
	"testing"
)

// sent is the path of a target as it has to arrive: byte for byte, but for bytes that no URL may have.
func sent(target string) string {
	path, _, _ := strings.Cut(target, "?")
	var b strings.Builder
	for i := range len(path) {
		if c := path[i]; c < 0x80 && c > ' ' && !strings.ContainsRune("|\"{}^<>\\`#\x7f", rune(c)) {
			b.WriteByte(c)
		} else {
			b.WriteString(strings.ToUpper(url.PathEscape(string([]byte{c}))))
		}
	}
	return b.String()
}

func TestPathsAsSent(t *testing.T) {
	for target, want := range map[string]string{
		"/g%2Fp|x": "/g%2Fp%7Cx", `/a%2fb"`: "/a%2fb%22", "/%3B{}": "/%3B%7B%7D", "/%2B^": "/%2B%5E", "/%26<>": "/%26%3C%3E", `/%3D\`: "/%3D%5C",
		"/%2F`": "/%2F%60", "/%2Fé": "/%2F%C3%A9", "/%2f\xff": "/%2f%FF", "/a%2Fb": "/a%2Fb", "/%61": "/%61", "/~!$&'()*+,;=:@[]-._": "/~!$&'()*+,;=:@[]-._",
		"/|": "/%7C", "/é": "/%C3%A9", "/%7c|": "/%7c%7C", "/a b": "/a%20b", "/x#y": "/x%23y", "/%20": "/%20", "//%2F|": "//%2F%7C", "*": "*", "/": "/",
	} {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			t.Fatal(err)
		}
		if Normalize(u); u.EscapedPath() != want {
			t.Errorf("%q is sent as %q, want %q", target, u.EscapedPath(), want)
		}
		again := *u
		if Normalize(&again); again != *u {
			t.Errorf("%q normalized twice is %+v, once %+v", target, again, *u)
		}
	}
	for query, want := range map[string]string{"x=%zz;&&y": "x=%zz;&&y", "a b": "a%20b", "a#b": "a%23b",
		"q=\xe9|{}é": "q=\xe9|{}é", "": ""} {
		if got := Query(&url.URL{RawQuery: query}); got != want {
			t.Errorf("query %q is sent as %q", query, got)
		}
	}
}

// FuzzPathsAsSent: the decision is about the forwarded path, which equals the received one.
func FuzzPathsAsSent(f *testing.F) {
	for _, s := range []string{"/g%2Fp|x", "/public%2fadmin|", "/%3b\xff", `/a\%2F`, "/%zz", "/a%2Fb?c|d", "//x|%2F"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || u.Host != "" || u.Opaque != "" || u.User != nil || !strings.HasPrefix(target, "/") {
			return
		}
		path := u.Path
		Normalize(u)
		if u.Path != path || u.EscapedPath() != sent(target) {
			t.Fatalf("%q is decided as %q and sent as %q, want %q", target, u.Path, u.EscapedPath(), sent(target))
		}
		if decoded, err := url.PathUnescape(u.EscapedPath()); err != nil || decoded != u.Path {
			t.Fatalf("%q is sent as %q, which is %q, %v", target, u.EscapedPath(), decoded, err)
		}
	})
}
