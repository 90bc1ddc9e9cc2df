package login

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// TestLogoutAtTheProvider: a logout at the team domain continues at the provider's end-session endpoint, if it has one,
// and cannot be redirected anywhere else.
func TestLogoutAtTheProvider(t *testing.T) {
	const own = "https://idp.example.test/logout?realm=a"
	for _, c := range []struct {
		name     string
		announce string
		at       string
		header   http.Header
		query    string
		goes     bool
	}{
		{"from the team domain", own, teamURL, nil, "", true},
		{"in a browser's window", own, teamURL, http.Header{"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}, "Sec-Fetch-Site": {"cross-site"}}, "", true},
		{"as a picture", own, teamURL, http.Header{"Sec-Fetch-Mode": {"no-cors"}, "Sec-Fetch-Dest": {"image"}}, "", false},
		{"in a frame", own, teamURL, http.Header{"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"iframe"}}, "", false},
		{"from an application", own, appURL, nil, "", false},
		{"somewhere else", own, teamURL, nil, "?returnTo=" + url.QueryEscape(appURL+"/x"), false},
		{"somewhere that is not ours", own, teamURL, nil, "?returnTo=" + url.QueryEscape("https://evil.example/"), true},
		{"the provider has none", "", teamURL, nil, "", false},
		{"not over TLS", "http://127.0.0.1/logout", teamURL, nil, "", false},
		{"a script", "javascript:alert(1)", teamURL, nil, "", false},
		{"a password", "https://a:b@idp.example.test/logout", teamURL, nil, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newFixture(t, teamURL)
			w.idp.logout = c.announce
			w.app("app.example.test")
			b := w.browser()
			b.follow(appURL + "/")
			nonce := w.keys.asked[0].Session
			s, ok := w.sessions.Session(w.account, nonce)
			if !ok || s.Hint == "" || strings.Contains(s.Hint, ".") {
				t.Fatalf("the session keeps %q", s.Hint)
			}
			var u proto.User
			if _, err := w.operator.Get(t.Context(), topology.Sessions, topology.UserKey(w.account, s.User), &u); err != nil ||
				u.Last.Hint != "" {
				t.Errorf("the person keeps %q, %v", u.Last.Hint, err)
			}
			b.header = c.header
			out := b.get(c.at + pathLogout + c.query)
			if _, there := w.sessions.Session(w.account, nonce); there {
				t.Error("the session is still there")
			}
			if !c.goes {
				if strings.Contains(out.Header.Get("Location"), "idp.example.test") {
					t.Errorf("to %s", out.Header.Get("Location"))
				}
				return
			}
			to := parse(t, out.next(t))
			q := to.Query()
			if to.Scheme+"://"+to.Host+to.Path != "https://idp.example.test/logout" || q.Get("realm") != "a" ||
				q.Get("client_id") != "plumbline" || len(q) != 3 ||
				out.Header.Get("Referrer-Policy") != "no-referrer" {
				t.Errorf("to %s", to)
			}
			id, err := jwt.ParseSigned(q.Get("id_token_hint"), []jose.SignatureAlgorithm{jose.RS256})
			if err != nil {
				t.Fatal(err)
			}
			var claims jwt.Claims
			if err := id.Claims(&w.idp.key.PublicKey, &claims); err != nil || claims.Subject != "s-1" {
				t.Errorf("%+v, %v", claims, err)
			}
			if c := cookie(out.Response, cookieToken); c == nil || c.MaxAge >= 0 {
				t.Errorf("the cookie stays: %+v", c)
			}
		})
	}
}

// An ID token is too long for an address, or the provider does not answer: the logout goes without.
func TestLogoutWithoutTheProvider(t *testing.T) {
	w := newFixture(t, teamURL)
	w.idp.logout = "https://idp.example.test/logout"
	w.idp.person["long"] = strings.Repeat("x", maxHint)
	w.app("app.example.test")
	b := w.browser()
	b.follow(appURL + "/")
	if q := parse(t, b.get(teamURL+pathLogout).next(t)).Query(); q.Has("id_token_hint") || q.Get("client_id") == "" {
		t.Errorf("%v", q)
	}
	again := newFixture(t, teamURL)
	again.app("app.example.test")
	b = again.browser()
	b.follow(appURL + "/")
	again.clock.Advance(discoveryLife)
	again.idp.broken = func(rw http.ResponseWriter, _ *http.Request) bool {
		rw.WriteHeader(http.StatusBadGateway)
		return true
	}
	if out := b.get(teamURL + pathLogout); out.StatusCode != http.StatusOK ||
		!strings.Contains(out.body, "You are logged out") {
		t.Errorf("%d %s", out.StatusCode, out.body)
	}
}
