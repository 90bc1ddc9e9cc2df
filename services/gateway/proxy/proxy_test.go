package proxy

import (
	"net/url"
	"testing"
)

// TestTargets: the first line of the origin's request has the target that was asked for behind the origin's path.
func TestTargets(t *testing.T) {
	for _, c := range []struct {
		origin string
		asked  url.URL
		want   string
	}{
		{"http://o", url.URL{Path: "/a"}, "/a"},
		{"http://o", url.URL{}, "/"},
		{"http://o/base/", url.URL{Path: "/a"}, "/base/a"},
		{"http://o/b%2Fc", url.URL{Path: "/a b"}, "/b%2Fc/a%20b"},
		{"http://o/base", url.URL{Path: "/a/b", RawPath: "/a%2Fb"}, "/base/a%2Fb"},
		{"http://o", url.URL{Path: "/a", RawQuery: "x=%zz;&&y"}, "/a?x=%zz;&&y"},
		{"http://o", url.URL{Path: "/a", ForceQuery: true}, "/a?"},
		{"http://o", url.URL{Path: "/a", RawQuery: "x HTTP/1.1 y"}, "/a?x%20HTTP/1.1%20y"},
	} {
		origin, err := url.Parse(c.origin)
		if err != nil {
			t.Fatal(err)
		}
		if got := target(origin, &c.asked).RequestURI(); got != c.want {
			t.Errorf("%s, %+v: %s, want %s", c.origin, c.asked, got, c.want)
		}
	}
}
