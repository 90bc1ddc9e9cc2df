package appmatch

import (
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
)

func app(domains ...string) catalog.Record[proto.Application] {
	return catalog.Record[proto.Application]{Value: &proto.Application{ID: proto.NewID(), Name: strings.Join(domains, " "),
		Domains: domains}}
}

func parseURL(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestCovers(t *testing.T) {
	for _, c := range []struct {
		destination string
		yes, no     []string
	}{
		// Cloudflare's own examples, from "Application paths".
		{"*.example.com", []string{"https://alpha.example.com", "https://beta.example.com/x"},
			[]string{"https://example.com", "https://foo.bar.example.com"}},
		{"example.com", []string{"https://example.com", "https://example.com/alpha"}, []string{"https://alpha.example.com"}},
		{"example.com/*", []string{"https://example.com", "https://example.com/", "https://example.com/alpha"}, []string{"https://alpha.example.com"}},
		{"*.test.example.com", []string{"https://alpha.test.example.com"}, []string{"https://test.example.com", "https://example.com"}},
		{"*test.example.com", []string{"https://test.example.com", "https://alphatest.example.com"}, []string{"https://beta.test.example.com"}},
		{"example.com/alpha/*", []string{"https://example.com/alpha/one", "https://example.com/alpha/two"},
			[]string{"https://example.com/alpha", "https://example.com"}},
		{"example.com/foo*/bar", []string{"https://example.com/foo/bar", "https://example.com/food/bar", "https://example.com/food/stuff/bar"},
			[]string{"https://example.com/foo", "https://example.com/fo/bar", "https://example.com/foo/barn"}},
		// And their consequences.
		{"*.*.example.com", []string{"https://a.b.example.com"}, []string{"https://a.example.com", "https://a.b.c.example.com"}},
		{"foo*.example.com", []string{"https://foo.example.com", "https://foobar.example.com"}, []string{"https://xfoo.example.com"}},
		{"a*z.example.com", []string{"https://az.example.com", "https://abcz.example.com"}, []string{"https://a.z.example.com", "https://a.example.com"}},
		{"example.com/eng", []string{"https://example.com/eng", "https://example.com/eng/", "https://example.com/eng/exec?q=1"},
			[]string{"https://example.com/engine", "https://example.com/", "https://example.com/ENG"}},
		{"example.com/eng/", []string{"https://example.com/eng", "https://example.com/eng/x"}, []string{"https://example.com/engine"}},
		{"Example.COM./Eng", []string{"https://EXAMPLE.com/Eng", "https://example.com./Eng"}, []string{"https://example.com/eng"}},
		{"example.com", []string{"http://example.com:8080", "https://user:pw@example.com/"}, []string{"https://example.com.evil.org", "https://example.com@evil.org", "https://notexample.com"}},
		{"example.com:8443", []string{"https://example.com:8443/x"}, []string{"https://example.com", "https://example.com:443"}},
		{"example.com:443", []string{"https://example.com", "wss://example.com/", "http://example.com:443"}, []string{"http://example.com"}},
		{"127.0.0.1:8402", []string{"http://127.0.0.1:8402/score"}, []string{"http://127.0.0.1:8401", "http://localhost:8402"}},
		{"[::1]:8402/a", []string{"http://[::1]:8402/a", "http://[0:0:0:0:0:0:0:1]:8402/a/b"}, []string{"http://[::2]:8402/a", "http://[::1]:8402/b"}},
		{"bücher.example", []string{"https://bücher.example/", "https://BÜCHER.example./", "https://xn--bcher-kva.example/",
			"https://XN--BCHER-KVA.example/", "https://b%C3%BCcher.example/"},
			[]string{"https://bucher.example/", "https://xn--bcher.example/"}},
		{"xn--bcher-kva.example:8443", []string{"https://bücher.example:8443/"}, []string{"https://bücher.example/", "https://bücher.example:08443/"}},
		{"*.wild.example", []string{"https://bücher.wild.example/", "https://Ａ.wild.example/"}, []string{"https://.wild.example/", "https://a／b.wild.example"}},
		// A path is compared as it is meant, however it is written.
		{"example.com/eng/exec",
			[]string{"https://example.com/eng//exec", "https://example.com/eng/./exec", "https://example.com/x/../eng/exec",
				"https://example.com/eng%2Fexec", "https://example.com/%65ng/exec", "https://example.com/x/%2e%2e/eng/exec",
				"https://example.com/../../eng/exec"},
			[]string{"https://example.com/eng/exec/../x", "https://example.com/engexec"}},
		{"example.com/caf%C3%A9", []string{"https://example.com/café/x", "https://example.com/caf%c3%a9"}, []string{"https://example.com/cafe"}},
	} {
		p, err := Parse(c.destination)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, s := range c.yes {
			if !p.Covers(parseURL(t, s)) {
				t.Errorf("%s does not cover %s", c.destination, s)
			}
		}
		for _, s := range c.no {
			if p.Covers(parseURL(t, s)) {
				t.Errorf("%s covers %s", c.destination, s)
			}
		}
	}
}

func TestRefusedDestinations(t *testing.T) {
	for _, s := range []string{"", "/", "/path", ".", "..", "a..b", ".example.com", "foo*bar*baz.example.com",
		"**.example.com", "example.com/foo*bar*baz", "https://example.com", "example.com?x", "example.com#x",
		"user@example.com", "example.com:", "example.com:0", "example.com:65536", "example.com:080", "example.com:+80",
		"example.com:http", "a b.com", "example.com/a//b", "example.com/../a",
		"example.com/a/./b", "example.com/%2e%2e", "example.com/a%2Fb", "example.com/a%2Ab", "example.com/100%", "[::1",
		"[127.0.0.1]", "[::1]x", "[fe80::1%25eth0]", "::1", "exa%mple.com", strings.Repeat("a", 64) + ".com",
		strings.Repeat("a.", 200) + "com", "a.com/" + strings.Repeat("x", 2048)} {
		if p, err := Parse(s); err == nil {
			t.Errorf("%q is accepted as %s", s, p)
		} else if !strings.Contains(err.Error(), "write host") {
			t.Errorf("%q: the error does not say what to do: %v", s, err)
		}
	}
	if (Pattern{}).Covers(parseURL(t, "https://example.com")) {
		t.Error("the zero pattern covers something")
	}
}

func TestTheMostSpecificWins(t *testing.T) {
	apps := []catalog.Record[proto.Application]{
		app("example.com"), app("*.example.com"), app("api.example.com"), app("api*.example.com"),
		app("api.example.com:8443"), app("api.example.com/eng"), app("api.example.com/eng/exec", "exec.example.com/x"),
		app("api.example.com/eng/*"), app("*.example.com/eng/exec/deep"),
		app("not a destination", "other.org"),
	}
	for u, want := range map[string]string{
		"https://example.com/eng":                   "example.com",
		"https://www.example.com/eng":               "*.example.com",
		"https://api.example.com/":                  "api.example.com",
		"https://api2.example.com/":                 "api*.example.com",
		"https://api.example.com:8443/eng":          "api.example.com:8443",
		"https://api.example.com/eng":               "api.example.com/eng",
		"https://api.example.com/eng/x":             "api.example.com/eng/*",
		"https://api.example.com/eng/exec/deep":     "api.example.com/eng/exec exec.example.com/x",
		"https://www.example.com/eng/exec/deep":     "*.example.com/eng/exec/deep",
		"https://exec.example.com/x":                "api.example.com/eng/exec exec.example.com/x",
		"https://exec.example.com/":                 "*.example.com",
		"https://other.org/":                        "not a destination other.org",
		"https://a.b.example.com/":                  "",
		"https://org/":                              "",
		"/relative":                                 "",
		"https://example.com.evil.org/example.com/": "",
	} {
		got, ok := Find(apps, parseURL(t, u))
		if ok != (want != "") || (ok && got.Value.Name != want) {
			t.Errorf("%s belongs to %+v, %t; want %q", u, got.Value, ok, want)
		}
	}
}

func TestOfTheSameDestinationTheLowerIDWins(t *testing.T) {
	low, high := app("example.com/a"), app("EXAMPLE.com/a/")
	low.Value.ID, high.Value.ID = proto.ID{0: 1}, proto.ID{0: 2}
	for _, apps := range [][]catalog.Record[proto.Application]{{low, high}, {high, low}} {
		if got, _ := Find(apps, parseURL(t, "https://example.com/a")); got != low {
			t.Errorf("found %v", got.Value.ID)
		}
	}
}

var (
	labels   = rapid.SampledFrom([]string{"a", "b", "ab", "ba", "*", "a*", "*a"})
	segments = rapid.SampledFrom([]string{"a", "b", "ab", "*", "a*", "*b"})
	patterns = rapid.Custom(func(t *rapid.T) string {
		s := strings.Join(rapid.SliceOfN(labels, 1, 3).Draw(t, "labels"), ".")
		s += rapid.SampledFrom([]string{"", "", ":80", ":443"}).Draw(t, "port")
		for _, segment := range rapid.SliceOfN(segments, 0, 3).Draw(t, "segments") {
			s += "/" + segment
		}
		return s
	})
	urls = rapid.Custom(func(t *rapid.T) *url.URL {
		host := strings.Join(rapid.SliceOfN(rapid.StringMatching(`[ab]{1,2}`), 1, 3).Draw(t, "host"), ".")
		return &url.URL{Scheme: "http", Host: host, Path: rapid.StringMatching(`(/[ab]{0,2}){0,4}`).Draw(t, "path")}
	})
)

// The result covers the URL, no more specific destination covers it, and the order of the applications does not matter.
func TestFindIsTheBestOfThoseThatCover(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var apps []catalog.Record[proto.Application]
		for _, p := range rapid.SliceOfN(patterns, 0, 8).Draw(t, "patterns") {
			apps = append(apps, app(p))
		}
		u := urls.Draw(t, "url")
		got, ok := Find(apps, u)
		covered := false
		for _, a := range apps {
			p, err := Parse(a.Value.Domains[0])
			if err != nil {
				t.Fatal(err)
			}
			if !p.Covers(u) {
				continue
			}
			covered = true
			if best, _ := Parse(got.Value.Domains[0]); compare(p, best) < 0 {
				t.Fatalf("%s belongs to %s, although %s covers it", u, best, p)
			}
		}
		if ok != covered {
			t.Fatalf("%s is found: %t, covered: %t", u, ok, covered)
		}
		shuffled, again := Find(rapid.Permutation(apps).Draw(t, "order"), u)
		if again != ok || shuffled != got {
			t.Fatalf("in another order %s belongs to %+v, not %+v", u, shuffled.Value, got.Value)
		}
	})
}

// A path without a wildcard covers itself and everything below it, by segments.
func TestPathsEndAtSegments(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mine := rapid.SliceOfN(rapid.StringMatching(`[ab]{1,2}`), 0, 3).Draw(t, "mine")
		theirs := rapid.SliceOfN(rapid.StringMatching(`[ab]{1,2}`), 0, 4).Draw(t, "theirs")
		below := len(theirs) >= len(mine)
		for i := range min(len(mine), len(theirs)) {
			below = below && mine[i] == theirs[i]
		}
		p, err := Parse(strings.Join(append([]string{"h"}, mine...), "/"))
		if err != nil {
			t.Fatal(err)
		}
		u := &url.URL{Scheme: "http", Host: "h", Path: "/" + strings.Join(theirs, "/")}
		if p.Covers(u) != below {
			t.Fatalf("%s covers %s: %t", p, u, !below)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"example.com", "*.example.com/a*/b", "[::1]:80/x", "a.com:443", "é.com/%C3%A9", "h/%25/@x",
		"h/%3F%23%5C%20"} {
		f.Add(s, "https://a.example.com/a/b")
	}
	f.Fuzz(func(t *testing.T, s, raw string) {
		p, err := Parse(s)
		if err != nil {
			return
		}
		if u, err := url.Parse(raw); err == nil {
			p.Covers(u)
		}
		again, err := Parse(p.String())
		if err != nil || again != p {
			t.Fatalf("%q is %+v, its String %q is %+v, %v", s, p, p.String(), again, err)
		}
		if strings.Contains(s, "*") {
			return
		}
		// A pattern without a wildcard covers itself.
		u := &url.URL{Scheme: "http", Host: p.host, Path: p.path}
		if strings.Contains(p.host, ":") {
			u.Host = "[" + p.host + "]"
		}
		if p.port != "" {
			u.Host += ":" + p.port
		}
		if !p.Covers(u) {
			t.Fatalf("%q does not cover %s", s, u)
		}
	})
}

func BenchmarkFind(b *testing.B) {
	var apps []catalog.Record[proto.Application]
	for i := range 200 {
		apps = append(apps, app("app"+string(rune('a'+i%26))+strings.Repeat("x", i/26)+".example.com"))
	}
	m, u := Compile(apps), parseURL(b, "https://none.example.com/a/b")
	for b.Loop() {
		m.Find(u)
	}
}

func TestScoped(t *testing.T) {
	m := Compile([]catalog.Record[proto.Application]{
		app("whole.example.com"), app("parts.example.com", "parts.example.com/admin"), app("*.wild.example.com/x"),
	})
	for s, want := range map[string]bool{
		"https://whole.example.com/admin": false, "https://parts.example.com/": true, "https://PARTS.example.com.:444/": true,
		"https://a.wild.example.com/": true, "https://wild.example.com/": false, "https://none.example.org/": false,
	} {
		target, err := TargetOf(parseURL(t, s))
		if err != nil || m.Scoped(target) != want {
			t.Errorf("%s: scoped %v", s, !want)
		}
	}
}

func TestAtTakesThePathAsItIs(t *testing.T) {
	root, admin := app("a.example.com"), app("a.example.com/admin")
	m := Compile([]catalog.Record[proto.Application]{root, admin})
	target, _ := TargetOf(parseURL(t, "https://a.example.com//admin"))
	for path, want := range map[string]catalog.Record[proto.Application]{"/admin": admin, "//admin": root,
		"/x/../admin": root} {
		if got, ok := m.Match(target.At(path)); !ok || got.Value != want.Value {
			t.Errorf("%s belongs to %q", path, got.Value.Name)
		}
	}
	if got, _ := m.Match(target); got.Value != admin.Value {
		t.Errorf("the cleaned path belongs to %q", got.Value.Name)
	}
}
