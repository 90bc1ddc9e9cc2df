package gate

import (
	"bufio"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/appmatch"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/policy"
)

func compile(domains ...string) *appmatch.Matcher {
	var apps []Application
	for _, d := range domains {
		apps = append(apps,
			catalog.Record[proto.Application]{Value: &proto.Application{ID: proto.NewID(), Name: d, Domains: []string{d}}})
	}
	return appmatch.Compile(apps)
}

// received is the URL of a request as a server reads it from its first line.
func received(t testing.TB, target string) (*url.URL, bool) {
	t.Helper()
	r, err := http.ReadRequest(
		bufio.NewReader(strings.NewReader("GET " + target + " HTTP/1.1\r\nHost: parts.example.com\r\n\r\n")))
	if err != nil {
		return nil, false
	}
	u := *r.URL
	u.Scheme, u.Host = "https", r.Host
	return &u, true
}

// TestPathTricks attacks applications distinguished by path: / is public, /admin is protected, and /admin/pub is public
// again.
func TestPathTricks(t *testing.T) {
	m := compile("parts.example.com", "parts.example.com/admin", "parts.example.com/admin/pub",
		"parts.example.com/files/*.txt")
	const root, admin, pub = "parts.example.com", "parts.example.com/admin", "parts.example.com/admin/pub"
	refused := func(targets ...string) map[string]string {
		all := map[string]string{}
		for _, s := range targets {
			all[s] = "bad_path"
		}
		return all
	}
	for _, table := range []map[string]string{
		{
			"/": root, "/x": root, "/administrator": root, "/x/admin": root, "/admin": admin, "/admin/": admin,
			"/admin/x": admin, "/admin/pub": pub,
			"/%61dmin/x": admin, "/admin/public": admin, "/.well-known/x": root, "/admin?/../pub": admin,
			// Ambiguous paths are forwarded unchanged if every reading leads to the same application.
			"/x//y": root, "/admin//x": admin, "/x/a%2Fb": root, "/admin/a%2Fb": admin, "/x;v=1/y": root, `/x/a%5Cb`: root, "/x/100%25": root,
			"/x/https://example.org/": root, "/ADMIN": root, "/caf%C3%A9/%C3%80%C2%BF": root, "/%C0x": root,
			"/%e0%a0%80": root, "/x%3Fy": root, "/admin/x%3Fy%23": admin,
		},
		// Windows reads these as /admin; well-behaved clients never send them.
		refused("/admin%20", "/admin/...", "/admin.", "/admin./x", "/x/admin%20/y", "/admin%2e", "/admin%252e",
			"/admin::$DATA", "/admin%3a:$DATA/x", "/x::$INDEX_ALLOCATION/y", "/admin.;a/x", "/%25252561dmin",
			"/%2525252561dmin/x"),
		refused("//admin", "/admin//pub/x", "/admin%2Fpub", "/admin%2fpub/x", "/%2Fadmin", "/x/..%2Fadmin", `/admin%5Cpub`,
			`/%5Cadmin`, "/admin;x", "/admin;x/y", "/admin;/pub", "/admin/pub;/..", "/admin%3Bx", "/;%5Cx/admin", "/%2561dmin", "/%2561dmin/%25", "/%252fadmin/%25zz", "/%252561dmin/../x", "/admin%252Fpub",
			"/%c0%afadmin", "/admin%C0%AFpub", "/%e0%80%afadmin", "/%f0%80%80%afadmin", "/%c1%9cadmin", "/%25c0%25afadmin",
			"/%c1%a1dmin", "/admin%3fx", "/admin%23", "/admin%253F", "/admin/pub%3F/x", `/admin%5C%3f`, "/admin%3b%3f",
			"/admin%c0%bbx"),
		// These are refused on every host.
		refused("/..", "/../x", "/x/..", "/x/../admin", "/./x", "/x/.", "/admin/pub/../x", "/admin/pub/..", "/x/%2e%2e/admin",
			"/x/%2E%2E/admin", "/x/.%2e/admin", "/x/..;/admin", "/x/..;a=b/admin", "/x/%2e%2e%2fadmin", `/x/..%5Cadmin`, "/x%00",
			"/admin%00.txt", "/x/%252e%252e/admin", "/x/..%252fadmin", "/x/%2e", "/x/%252e%252e%252fadmin",
			"/x/%252e%252e/admin%25", "/x/%c0%ae%c0%ae/admin", "/x/%c0%ae./admin", "/x/..%c0%afadmin", "/x%c0%80", "/x/..%3f",
			"/x/..%23y"),
	} {
		for target, want := range table {
			u, ok := received(t, target)
			if !ok {
				continue // net/http refuses it, with 400
			}
			app, _, why := locate(m, u)
			got := why.String()
			if why == policy.Undecided {
				got = app.Value.Name
			}
			if got != want {
				t.Errorf("%s: %s, want %s", target, got, want)
			}
		}
	}
	// If the path does not affect the decision, only paths that could escape the origin's base path are denied.
	whole := compile("parts.example.com")
	for target, want := range map[string]policy.Reason{
		"//x": policy.Undecided, "/a%2Fb": policy.Undecided, "/a;b": policy.Undecided, `/a%5Cb`: policy.Undecided, "/%2561": policy.Undecided,
		"/x/../y": policy.BadPath, "/x./y": policy.BadPath, "/x%20": policy.BadPath, "/x::$DATA": policy.BadPath, "/a.b/c%20d.e/:$": policy.Undecided,
		"/a..b/.c/%2520x/x::y": policy.Undecided, "/%252520": policy.BadPath, "/%2e%2e/y": policy.BadPath, "/x%00": policy.BadPath, "/..%5c": policy.BadPath, "*": policy.BadPath,
	} {
		if u, ok := received(t, target); !ok {
			t.Errorf("%s was not received", target)
		} else if _, _, why := locate(whole, u); why != want {
			t.Errorf("%s on a host that is one application: %v, want %v", target, why, want)
		}
	}
}

func TestHostTricks(t *testing.T) {
	m := compile("app.example.com", "*.wild.example.com", "app.example.com:8443/x", "[::1]")
	for _, c := range []struct {
		host string
		want string
	}{
		{"app.example.com", "app.example.com"}, {"APP.Example.COM", "app.example.com"}, {"app.example.com.", "app.example.com"},
		{"app.example.com:443", "app.example.com"}, {"app.example.com:8443", "app.example.com"}, {"a.wild.example.com", "*.wild.example.com"},
		{"[::1]", "[::1]"}, {"[0:0::1]:8080", "[::1]"},
		{"wild.example.com", "unknown_host"}, {"a.b.wild.example.com", "unknown_host"}, {".wild.example.com", "bad_request"},
		{"app.example.com..", "bad_request"}, {"app.example.com.evil.org", "unknown_host"}, {"evil.org", "unknown_host"}, {"xapp.example.com", "unknown_host"},
		{"", "bad_request"}, {"*.wild.example.com", "bad_request"}, {"app.example.com:", "bad_request"}, {"app.example.com:0", "bad_request"},
		{"app.example.com:99999", "bad_request"}, {"app.example.com:+443", "bad_request"}, {"app.example.com:443:1", "bad_request"},
		{"app.example.com@evil.org", "bad_request"}, {"evil.org@app.example.com", "bad_request"}, {"app.example.com/x", "bad_request"},
		{"app.example.com evil.org", "bad_request"}, {"app.example.com,evil.org", "bad_request"}, {"app.example.com%00", "bad_request"},
		{"app.example.com%2eevil.org", "bad_request"}, {"app.example.com\\evil.org", "bad_request"}, {"app.example.com#", "bad_request"},
		{"[::1", "bad_request"}, {"[::1]x", "bad_request"}, {"[::1%25eth0]", "bad_request"}, {"[1.2.3.4]", "bad_request"}, {"::1", "bad_request"},
		{strings.Repeat("a", 250) + ".wild.example.com", "bad_request"},
	} {
		app, _, why := locate(m, &url.URL{Scheme: "https", Host: c.host, Path: "/"})
		got := why.String()
		if why == policy.Undecided {
			got = app.Value.Name
		}
		if got != c.want {
			t.Errorf("%q: %s, want %s", c.host, got, c.want)
		}
	}
	if _, _, why := locate(m,
		&url.URL{Scheme: "https", Host: "app.example.com", User: url.User("x"), Path: "/"}); why != policy.BadRequest {
		t.Errorf("user information: %v", why)
	}
}

// FuzzLocate: what is sent on as it came belongs to the same application however an origin cleans it.
func FuzzLocate(f *testing.F) {
	for _, s := range []string{"/", "/admin", "//admin", "/x/..;/admin", "/%2e%2e/", "/a%2Fb", "/admin;x", "/%2561dmin",
		`/x\admin`, "/admin/pub//", "/%c0%afadmin", "/admin%3f"} {
		f.Add(s)
	}
	m := compile("parts.example.com", "parts.example.com/admin", "parts.example.com/admin/pub")
	f.Fuzz(func(t *testing.T, target string) {
		if !strings.HasPrefix(target, "/") || strings.ContainsAny(target, " \r\n") {
			return
		}
		u, ok := received(t, target)
		if !ok {
			return
		}
		app, _, why := locate(m, u)
		if why != policy.Undecided {
			return
		}
		if strings.Contains(u.Path, "\x00") || strings.Contains(u.Path+"/", "/../") {
			t.Fatalf("%q goes through", target)
		}
		for _, read := range []func(string) string{
			clean, func(p string) string { return p }, func(p string) string { return withoutParameters(p) },
			func(p string) string { return clean(strings.ReplaceAll(p, `\`, "/")) },
			func(p string) string {
				if q, err := url.PathUnescape(p); err == nil {
					return clean(q)
				}
				return p
			},
			func(p string) string { p, _, _ = strings.Cut(p, "?"); return clean(p) },
			func(p string) string { return clean(strings.ReplaceAll(p, "\xc0\xaf", "/")) },
		} {
			target, _ := appmatch.TargetOf(u)
			if other, _ := m.Match(target.At(read(u.Path))); other.Value != app.Value {
				t.Fatalf("%q belongs to %s, and read as %q to %s", u.EscapedPath(), app.Value.Name, read(u.Path), other.Value.Name)
			}
		}
	})
}
