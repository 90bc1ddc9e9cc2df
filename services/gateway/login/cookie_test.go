package login

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/policy"
)

func TestCookieAttributes(t *testing.T) {
	for _, c := range []struct {
		name, team, app string
		gate            proto.Gate
		want            string // of CF_Authorization, behind its value
		binding         bool
	}{
		{"nothing said", teamURL, appURL, proto.Gate{}, "Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=None", false},
		{"none", teamURL, appURL, proto.Gate{SameSite: "none"}, "Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=None", false},
		{"lax", teamURL, appURL, proto.Gate{SameSite: "lax"}, "Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=Lax", false},
		{"scripts", teamURL, appURL, proto.Gate{CookieScripts: true}, "Path=/; Max-Age=3600; Secure; SameSite=None", false},
		{"path and binding", teamURL, appURL, proto.Gate{CookiePath: true, CookieBinding: true}, "Path=/eng; Max-Age=3600; HttpOnly; Secure; SameSite=None", true},
		{"plain http", "http://team.example.test", "http://app.example.test", proto.Gate{}, "Path=/; Max-Age=3600; HttpOnly; SameSite=Lax", false},
		{"plain http, none", "http://team.example.test", "http://app.example.test", proto.Gate{SameSite: "none"}, "Path=/; Max-Age=3600; HttpOnly; SameSite=Lax", false},
		{"strict", teamURL, appURL, proto.Gate{SameSite: "strict"}, "Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=Strict", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newFixture(t, c.team)
			w.app("app.example.test/eng", func(a *proto.Application) { a.Gate = c.gate })
			w.put("org", proto.ID(w.account), &proto.Organization{SessionDuration: time.Hour})
			w.gate.decide = func(_ gateApp, _ *proto.Session) policy.Decision {
				return policy.Decision{Reason: policy.Allow, SessionDuration: time.Minute}
			}
			b := w.browser()
			got := b.get(b.until(c.app+"/eng/x", pathAuthorized))
			token := cookie(got.Response, cookieToken)
			if token == nil {
				t.Fatalf("no cookie: %d %s", got.StatusCode, got.body)
			}
			if _, attributes, _ := strings.Cut(token.Raw, "; "); attributes != c.want {
				t.Errorf("%q, %q wanted", attributes, c.want)
			}
			binding := cookie(got.Response, cookieBinding)
			if (binding != nil) != c.binding {
				t.Errorf("CF_Binding %+v", binding)
			}
			if binding != nil && (!w.login.Bound(token.Value, binding.Value) || w.login.Bound(token.Value+"x", binding.Value) ||
				w.login.Bound(token.Value, "") ||
				!binding.HttpOnly || binding.Path != token.Path) {
				t.Errorf("CF_Binding %+v", binding)
			}
			if c.gate.SameSite == "strict" {
				// The browser brings a Strict cookie only if this site's own page sends it on.
				if got.StatusCode != http.StatusOK ||
					!strings.Contains(got.body, `http-equiv="refresh" content="0;url=`+c.app+`/eng/x"`) {
					t.Errorf("%d %s", got.StatusCode, got.body)
				}
			} else if to := got.next(t); to != c.app+"/eng/x" {
				t.Errorf("to %s", to)
			}
		})
	}
}

// A service receives a user's cookies, valid as long as its client.
func TestServiceCookies(t *testing.T) {
	for _, c := range []struct {
		name, url string
		gate      proto.Gate
		want      []string // behind the values
	}{
		{"nothing said", "https://app.example.test/eng/x", proto.Gate{}, []string{"Path=/; HttpOnly; Secure; SameSite=None"}},
		{"plain http", "http://app.example.test/eng/x", proto.Gate{}, []string{"Path=/; HttpOnly; SameSite=Lax"}},
		{"path and binding", "https://app.example.test/eng/x",
			proto.Gate{CookiePath: true, CookieBinding: true, SameSite: "lax"},
			[]string{"Path=/eng; HttpOnly; Secure; SameSite=Lax", "Path=/eng; HttpOnly; Secure; SameSite=Lax"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newFixture(t, teamURL)
			app := w.app("app.example.test/eng", func(a *proto.Application) { a.Gate = c.gate })
			at, err := url.Parse(c.url)
			if err != nil {
				t.Fatal(err)
			}
			got := w.login.ServiceCookies(app, "token", at)
			if len(got) != len(c.want) || got[0].Name != cookieToken || got[0].Value != "token" {
				t.Fatalf("%v", got)
			}
			for i, one := range got {
				if _, attributes, _ := strings.Cut(one.String(), "; "); attributes != c.want[i] {
					t.Errorf("%q, want %q", attributes, c.want[i])
				}
			}
			if len(got) == 2 && !w.login.Bound("token", got[1].Value) {
				t.Errorf("%v does not bind the token", got[1])
			}
		})
	}
}

// A cookie rejected by browsers must not cause a redirect loop.
func TestTokenTooLongForACookie(t *testing.T) {
	w := newFixture(t, teamURL)
	w.app("app.example.test")
	b := w.browser()
	at := b.until(appURL+"/", pathAuthorized)
	w.keys.pad = 4096
	b.get(at).wantRefusal(t, policy.LoginFailed)
	if cookieHeader(b, appURL) != "" {
		t.Error("there is a cookie")
	}
}

func TestCookiesOfARequest(t *testing.T) {
	h := http.Header{"Cookie": {"a=1; CF_Session=x;CF_Session=y; CF_Session=x; cf_session=z",
		"CF_Session=w; CF_Sessions=v; CF_Session; CF_Session=" + strings.Repeat("l", maxCookie+1)}}
	if got := strings.Join(cookies(h, cookieTeam), ","); got != "x,y,w" {
		t.Errorf("%s", got)
	}
}

func TestSecrets(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		s, n := newSecret(), newNonce()
		if !isSecret(s) || !isNonce(n) || seen[s] || seen[n] {
			t.Fatalf("%q %q", s, n)
		}
		seen[s], seen[n] = true, true
	}
	for _, s := range []string{"", "x", strings.Repeat("A", 44), strings.Repeat("=", 43), strings.Repeat("A", 42) + "B",
		strings.Repeat("A", 42) + "\n"} {
		if isSecret(s) {
			t.Errorf("%q", s)
		}
	}
	for _, s := range []string{"", "abc", "abcdefghijklmno.", "abcdefghijklmno>", "abcdefghijklmnopq"} {
		if isNonce(s) {
			t.Errorf("%q", s)
		}
	}
}
