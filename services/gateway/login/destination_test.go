package login

import (
	"net/url"
	"strings"
	"testing"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/teamdomain"
)

var paths = map[string]bool{
	"/": true, "/a": true, "/a/b?c=d&e=%2F": true, "/%2f%2fevil.example": true, "/a?to=https://x.example/": true, "/a//b": true,
	"/cdn-cgi/other": true, "/cdn-cgi/accessory": true,
	"": false, "a": false, "//evil.example": false, "///evil.example": false, `/\evil.example`: false, `\/evil.example`: false,
	"/\t/evil.example": false, "/a b": false, "/a\r\nb": false, "/\x00": false, "/é": false, "https://evil.example/": false,
	"/a#b": false, "/%zz": false, "?a": false, "@evil.example": false, ".evil.example": false, ":80/": false,
	pathLogout: false, "/cdn-cgi//access/logout": false, "/x/../cdn-cgi/access/logout": false,
	"/cdn-cgi/%61ccess/logout": false, "/cdn-cgi/access": false,
	"/" + strings.Repeat("a", maxPath): false,
}

func TestIsPath(t *testing.T) {
	for path, want := range paths {
		if got := isPath(path); got != want {
			t.Errorf("isPath(%q) = %t", path, got)
		}
	}
}

// Wherever a path is put behind an origin of ours, browsers go to that origin: they drop tabs and line ends,
// take a backslash for a slash, and read the host up to the next slash.
func FuzzIsPath(f *testing.F) {
	for path := range paths {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if !isPath(path) {
			return
		}
		const origin = "https://app.example.test"
		u, err := url.Parse(origin + path)
		if err != nil || u.Scheme != "https" || u.Host != "app.example.test" || u.User != nil || u.Fragment != "" {
			t.Fatalf("%q behind an origin is %v, %v", path, u, err)
		}
		// As a browser resolves it alone, should it ever be put into a Location header without an origin.
		seen := strings.NewReplacer("\t", "", "\r", "", "\n", "", `\`, "/").Replace(path)
		if strings.HasPrefix(seen, "//") || strings.HasPrefix(strings.TrimLeft(seen, " "), "//") || seen[0] != '/' {
			t.Fatalf("%q leads to another host", path)
		}
		for i := range len(path) {
			if path[i] <= ' ' || path[i] >= 0x7f {
				t.Fatalf("%q does not belong into a header", path)
			}
		}
	})
}

func TestPathOf(t *testing.T) {
	for in, want := range map[string]string{
		"https://h/a?b=c": "/a?b=c", "https://h": "/", "https://h//evil": "/", "https://h/a?" + strings.Repeat("q", maxPath): "/a",
		"https://h/" + strings.Repeat("a", maxPath): "/", "https://h" + pathLogout: "/", "https://h/a?b=\\c": "/a",
		"https://h/%2e%2e/x": "/%2e%2e/x", "https://h/é": "/%C3%A9",
	} {
		if got := pathOf(parse(t, in)); got != want {
			t.Errorf("pathOf(%q) = %q, %q wanted", in, got, want)
		}
	}
}

func TestOriginOf(t *testing.T) {
	for _, c := range []struct{ request, team, domain, want string }{
		{"https://App.Example.test/x", teamURL, "app.example.test", appURL},
		{"https://app.example.test:443/x", teamURL, "app.example.test", appURL},
		{"http://app.example.test/x", teamURL, "app.example.test", appURL}, // https to the team domain
		{"http://app.example.test:8080/x", teamURL, "app.example.test", ""},
		{"https://app.example.test:8443/x", teamURL, "app.example.test", ""}, // another port may be somebody else's
		{"https://app.example.test:8443/x", teamURL, "app.example.test:8443", appURL + ":8443"},
		{"https://app.example.test:8443/x", teamURL + ":8443", "app.example.test", appURL + ":8443"},
		{"http://app.localhost:8401/", "http://team.localhost:8401", "app.localhost", "http://app.localhost:8401"},
		{"http://app.localhost:8402/", "http://team.localhost:8401", "app.localhost", ""},
		{"http://127.0.0.1:8401/", "http://localhost:8401", "127.0.0.1", "http://127.0.0.1:8401"},
		{"http://[::1]:8401/", "http://localhost:8401", "[::1]", "http://[::1]:8401"},
		{"https://app.example.test/x", "http://team.example.test", "app.example.test", appURL},
		{"ftp://app.example.test/x", teamURL, "app.example.test", ""},
		{"https:///x", teamURL, "app.example.test", ""},
		{"https://Bücher.example./x", teamURL, "bücher.example", "https://xn--bcher-kva.example"},
		{"https://xn--bcher-kva.example:8443/x", teamURL, "bücher.example:8443", "https://xn--bcher-kva.example:8443"},
		{"https://app.example.test:08443/x", teamURL, "app.example.test:8443", ""},
	} {
		team, err := teamdomain.Parse(c.team)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := originOf(parse(t, c.request), &proto.Application{Domains: []string{c.domain}}, team)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%s, team domain %s: %q, %q wanted", c.request, c.team, got, c.want)
		}
	}
	for _, host := range []string{"a b", "a\\b", "a/b", "a@b", "a;b", "é\x80.example", "", "a\x00b", "fe80::1%eth0",
		strings.Repeat("a", 254)} {
		team, _ := teamdomain.Parse(teamURL)
		if got, ok := originOf(&url.URL{Scheme: "https", Host: host}, &proto.Application{}, team); ok {
			t.Errorf("host %q gives %q", host, got)
		}
	}
}

func TestTeamDomain(t *testing.T) {
	for in, want := range map[string]string{"https://Team.example.test/": "team.example.test",
		"https://team.example.test:443": "team.example.test", "http://localhost:8401": "localhost:8401"} {
		if u, err := teamdomain.Parse(in); err != nil || u.Host != want {
			t.Errorf("%s: %v, %v", in, u, err)
		}
	}
	for _, in := range []string{"", "team.example.test", "ftp://x", "https://x/y", "https://u@x", "https://x?y",
		"https://x#y", "https://"} {
		if u, err := teamdomain.Parse(in); err == nil {
			t.Errorf("%q is taken: %v", in, u)
		}
	}
}

func TestPathOfCookie(t *testing.T) {
	for _, c := range []struct{ domain, request, want string }{
		{"h", "https://h/a", "/"}, {"h/eng", "https://h/eng/x", "/eng"}, {"h/eng/", "https://h/eng/x", "/eng"},
		{"h/a/b*c/d", "https://h/a/bxc/d", "/a"}, {"h/foo*", "https://h/food", "/"}, {"h/eng/*", "https://h/eng/x", "/eng"},
		{"h/a%20b", "https://h/a%20b/x", "/a%20b"}, {"h/a;b", "https://h/a;b/x", "/"},
	} {
		if got := pathOfApp(&proto.Application{Domains: []string{"h", c.domain}}, parse(t, c.request)); got != c.want {
			t.Errorf("%s: %q, %q wanted", c.domain, got, c.want)
		}
	}
}
