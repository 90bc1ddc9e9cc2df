package attack

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// leads returns the URLs of an answer: the target of its redirect, and its links.
func leads(a answer) []string {
	all := append([]string{}, a.Header["Location"]...)
	all = append(all, a.Header["Refresh"]...)
	for _, m := range link.FindAllStringSubmatch(a.Body, -1) {
		all = append(all, m[1])
	}
	return all
}

var link = regexp.MustCompile(`(?i)(?:href|src|action|content)="(?:\d+;\s*url=)?([^"]*)"`)

// elsewhere returns the URLs of an answer on hosts of neither the installation nor the provider.
func (w *fixture) elsewhere(a answer) []string {
	team, err := url.Parse(w.plumb.Issuer() + "/cdn-cgi/access/login/x")
	if err != nil {
		return []string{err.Error()}
	}
	var out []string
	for _, to := range leads(a) {
		// As browsers read it: they take backslashes for slashes, and leave control characters out.
		u, err := team.Parse(strings.Map(func(r rune) rune {
			switch {
			case r == '\\':
				return '/'
			case r < ' ':
				return -1
			}
			return r
		}, strings.TrimSpace(to)))
		switch {
		case err != nil:
			out = append(out, to)
		case u.Host == team.Host, "http://"+u.Host == w.provider.URL, to == "noindex", strings.HasPrefix(to, "width="):
		case u.Scheme == "http" && w.apps[u.Host].ID != "" && u.User == nil:
		default:
			out = append(out, to)
		}
	}
	return out
}

var evil = []string{
	"https://evil.example/", "//evil.example/", `/\evil.example/`, `\\evil.example`, "///evil.example",
	"/%09/evil.example", "/\t/evil.example", "/\n/evil.example", "https:evil.example", "https:/evil.example",
	"javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "http://" + peopleHost + "@evil.example/",
	"http://" + peopleHost + ".evil.example/", "http://evil.example#" + peopleHost,
	"http://evil.example?" + peopleHost, `http://evil.example\@` + peopleHost + "/", "http://" + peopleHost +
		":80@evil.example/", "@evil.example", ".evil.example", "http://[::1]/", "http://127.0.0.1:1/",
	"/\r\nLocation: https://evil.example/", "/%0d%0aSet-Cookie:%20x=y", "/\r\nSet-Cookie: x=y",
	`"><a href="https://evil.example/">`, "ftp://" + peopleHost + "/", "//" + peopleHost + "@evil.example/",
	"http://" + siteHost + ":99/", "/cdn-cgi/access/logout", "/cdn-cgi/access/../access/logout?returnTo=//evil.example",
	"http:///evil.example", "http://evil%2eexample/", "//evil%E3%80%82example",
}

// Redirects lead only to an application, the team domain or the provider, with any link.
func TestOpenRedirects(t *testing.T) {
	w := under
	team := strings.TrimPrefix(w.plumb.Issuer(), "http://")
	a, _ := w.get(t, peopleHost, "/page?x=1")
	real, err := url.Parse(a.Header.Get("Location"))
	if err != nil || real.Host != team || !strings.HasPrefix(real.Path, "/cdn-cgi/access/login/") {
		t.Fatalf("the login is at %q, %v", real, err)
	}
	changed := func(name, value string) string {
		q := real.Query()
		q.Set(name, value)
		return real.Path + "?" + q.Encode()
	}
	var targets []string
	for _, to := range evil {
		for _, name := range []string{"redirect_url", "returnTo", "return_to", "next", "kid", "flow", "meta", "idp"} {
			targets = append(targets, changed(name, to))
		}
		targets = append(targets,
			"/cdn-cgi/access/login/"+url.PathEscape(to)+"?"+real.RawQuery,
			"/cdn-cgi/access/login/"+peopleHost+"?redirect_url="+url.QueryEscape(to),
			"/cdn-cgi/access/login?redirect_url="+url.QueryEscape(to),
			changed("redirect_url", "/page?x=1")+"&redirect_url="+url.QueryEscape(to),
			"/cdn-cgi/access/logout?returnTo="+url.QueryEscape(to),
			"/cdn-cgi/access/logout?returnTo=/&returnTo="+url.QueryEscape(to),
			"/cdn-cgi/access/callback?code=x&state="+url.QueryEscape(to),
			"/cdn-cgi/access/callback?error=x&state=x&error_description="+url.QueryEscape(to),
			"/cdn-cgi/access/callback?redirect_url="+url.QueryEscape(to), "/cdn-cgi/access/authorized?code="+url.QueryEscape(to),
			"/cdn-cgi/access/authorized?nonce=x&redirect_url="+url.QueryEscape(to))
	}
	for _, host := range []string{team, peopleHost, siteHost, "evil.example"} {
		for _, target := range targets {
			a, arrived := w.get(t, host, target)
			if len(arrived) > 0 {
				t.Errorf("%s%s arrived", host, target)
			}
			if out := w.elsewhere(a); len(out) > 0 {
				t.Errorf("%s%s leads to %q", host, target, out)
			}
			for _, line := range a.Header["Set-Cookie"] {
				if strings.HasPrefix(line, "x=") || strings.HasPrefix(line, "CF_Authorization=ey") {
					t.Errorf("%s%s sets %q", host, target, line)
				}
			}
		}
	}
	// The client cannot choose the host of the return URL either.
	for name, lines := range map[string][]string{"X-Forwarded-Host": {"X-Forwarded-Host: evil.example"},
		"Forwarded": {"Forwarded: host=evil.example"},
		"Referer":   {"Referer: https://evil.example/", "Origin: https://evil.example"}} {
		if a, _ := w.get(t, peopleHost, "/", lines...); a.Status != http.StatusFound ||
			strings.Contains(fmt.Sprint(a.Header), "evil.example") {
			t.Errorf("%s: %d %v", name, a.Status, a.Header)
		}
	}
	// A path that looks like a host to browsers comes back as a path, or not at all.
	for _, path := range []string{"//evil.example/", `/\evil.example/`, "/%5cevil.example/", "///evil.example",
		"/.//evil.example", "/;//evil.example", "/@evil.example/", "/%09//evil.example"} {
		b := w.browser()
		_, a, arrived := b.walk(t, "http://"+peopleHost+path, "")
		if out := w.elsewhere(a); len(out) > 0 {
			t.Errorf("%s leads to %q", path, out)
		}
		for _, x := range arrived {
			if x.Host != peopleHost {
				t.Errorf("%s arrived at %s", path, x.Host)
			}
		}
	}
}

// The code and the state of a login work once, in the browser of the login, and for its application.
func TestReplayedLogins(t *testing.T) {
	w := under
	w.provider.LogIn("ada@example.com")
	session := func(a answer) bool {
		for _, line := range a.Header["Set-Cookie"] {
			if strings.HasPrefix(line, "CF_Authorization=ey") {
				return true
			}
		}
		return false
	}
	no := func(what string, a answer, arrived []arrival) {
		t.Helper()
		if a.Status < 400 || session(a) || len(arrived) > 0 {
			t.Errorf("%s: %d, session %t, %d arrived", what, a.Status, session(a), len(arrived))
		}
	}
	const page = "http://" + peopleHost + "/page"

	victim := w.browser()
	callback, _, _ := victim.walk(t, page, "/cdn-cgi/access/callback?")
	team := strings.TrimPrefix(w.plumb.Issuer(), "http://")
	redeemed := w.provider.Redeemed()
	// In a browser without cookies, in one with a login of its own, and in one with the other half only.
	other := w.browser()
	another, _, _ := other.walk(t, page, "/cdn-cgi/access/callback?")
	for what, b := range map[string]*browser{"a new browser": w.browser(), "another browser": other} {
		a, arrived := b.visitPage(t, callback)
		no("the callback in "+what, a, arrived)
	}
	if n := w.provider.Redeemed(); n != redeemed {
		t.Errorf("a code of another browser's login was redeemed %d times", n-redeemed)
	}
	// A code in the place of another, a state in the place of another.
	mix := func(code, state string) string {
		c, err1 := url.Parse(code)
		s, err2 := url.Parse(state)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		q := c.Query()
		q.Set("state", s.Query().Get("state"))
		c.RawQuery = q.Encode()
		return c.String()
	}
	attacker := w.browser()
	stolen, _, _ := attacker.walk(t, page, "/cdn-cgi/access/callback?")
	a, arrived := attacker.visitPage(t, mix(another, stolen))
	no("another login's code (its nonce is in the ID token)", a, arrived)
	a, arrived = victim.visitPage(t, mix(callback, another))
	no("another login's state", a, arrived)
	for name, tail := range map[string]string{"a state twice": "&state=x", "a code twice": "&code=x",
		"an error besides": "&error=access_denied", "another issuer": "&iss=https://evil.example"} {
		b := w.browser()
		fresh, _, _ := b.walk(t, page, "/cdn-cgi/access/callback?")
		if a, arrived := b.visitPage(t, fresh+tail); name != "another issuer" || a.Status == http.StatusOK {
			no(name, a, arrived)
		}
	}

	// The victim's own goes on, to a code for the application.
	again := &browser{w, copied(victim.jar), ""}
	authorized, _, _ := victim.walk(t, callback, "/cdn-cgi/access/authorized?")
	if authorized == "" {
		t.Fatal("the victim's own login does not go on")
	}
	a, arrived = again.visitPage(t, callback)
	no("the callback for a second time", a, arrived)
	for what, b := range map[string]*browser{"a new browser": w.browser(), "another browser": other} {
		a, arrived := b.visitPage(t, authorized)
		no("the application's code in "+what, a, arrived)
	}
	for what, host := range map[string]string{"another application": mixedHost, "the team domain": team,
		"a host of nobody": "evil.example", "another port": peopleHost + ":81"} {
		b := &browser{w, copied(victim.jar), ""}
		b.jar[host] = victim.jar[peopleHost]
		a, arrived := b.visitPage(t, strings.Replace(authorized, peopleHost, host, 1))
		no("the application's code at "+what, a, arrived)
	}
	for name, link := range map[string]string{"a changed code": authorized + "A",
		"a cut code": authorized[:len(authorized)-3], "no code": strings.Split(authorized, "?")[0], "the code twice": authorized + "&code=x",
		"the state as the code": "http://" + peopleHost + "/cdn-cgi/access/authorized?code=" +
			url.QueryEscape(stateOf(callback))} {
		a, arrived := (&browser{w, copied(victim.jar), ""}).visitPage(t, link)
		no(name, a, arrived)
	}
	again = &browser{w, copied(victim.jar), ""}
	if _, a, arrived := victim.walk(t, authorized, ""); a.Status != http.StatusOK || len(arrived) != 1 ||
		arrived[0].Target != "/page" {
		t.Fatalf("the victim's own login ends with %d %s", a.Status, a.Body)
	}
	a, arrived = again.visitPage(t, authorized)
	no("the application's code for a second time", a, arrived)
	a, arrived = victim.visitPage(t, authorized)
	no("the application's code for a second time in the browser that has a session", a, arrived)

	// After a logout neither brings the session back.
	b := w.browser()
	late, _, _ := b.walk(t, page, "/cdn-cgi/access/authorized?")
	b.visitPage(t, w.plumb.Issuer()+"/cdn-cgi/access/logout")
	a, arrived = b.visitPage(t, late)
	no("the application's code after the logout", a, arrived)

	// A denied user has no session at the application after any kind of login.
	for _, email := range []string{"mallory@evil.example", "x@example.com.evil.example", "ada@example.com@evil.example",
		"ada@EXAMPLE.com\x00.evil.example", "", "@example.com", "\"ada@example.com\"@evil.example",
		"ada@evil.example,ada@example.com", "ada@evil.example ada@example.com", "ada@example.com\n", "ada@ex\u0430mple.com"} {
		w.provider.LogIn(email)
		b := w.browser()
		if _, a, arrived := b.walk(t, page, ""); a.Status < 400 || len(arrived) > 0 ||
			b.jar[peopleHost]["CF_Authorization"] != "" {
			t.Errorf("%q: %d, %d arrived, cookies %v", email, a.Status, len(arrived), b.jar)
		}
	}
	w.provider.LogIn("ada@example.com")
}

func copied(jar map[string]map[string]string) map[string]map[string]string {
	all := map[string]map[string]string{}
	for host, cookies := range jar {
		all[host] = map[string]string{}
		for name, value := range cookies {
			all[host][name] = value
		}
	}
	return all
}

func stateOf(link string) string {
	u, err := url.Parse(link)
	if err != nil {
		return ""
	}
	return u.Query().Get("state")
}

// A page of another site can make a browser send requests, but a preflight permits no other method and no script: the
// answer reveals nothing.
func TestCrossSite(t *testing.T) {
	w := under
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "HEAD", "X"} {
		for _, path := range []string{"/", "/cdn-cgi/access/get-identity", "/cdn-cgi/access/authorized?code=x"} {
			a, arrived := w.send(t, "", request(method, peopleHost, path, "Origin: https://evil.example",
				"Access-Control-Request-Method: GET", "Content-Length: 0"))
			if a.Status < 300 || len(arrived) > 0 {
				t.Errorf("%s %s: %d, %d arrived", method, path, a.Status, len(arrived))
			}
			if path != "/" && a.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s %s: may be read by %q", method, path, a.Header.Get("Access-Control-Allow-Origin"))
			}
		}
	}
	b := w.personAt(t, peopleHost, "ada@example.com")
	a, _ := w.get(t, peopleHost, "/cdn-cgi/access/get-identity", "Cookie: "+b.cookies(peopleHost),
		"Origin: https://evil.example")
	if a.Status != http.StatusOK || a.Header.Get("Access-Control-Allow-Origin") != "" ||
		!strings.Contains(a.Body, "ada@example.com") {
		t.Errorf("the identity: %d %v", a.Status, a.Header)
	}
	a, _ = w.get(t, peopleHost, "/cdn-cgi/access/get-identity")
	if a.Status < 300 || strings.Contains(a.Body, "example.com") {
		t.Errorf("nobody's identity: %d %s", a.Status, a.Body)
	}
	// A prefetched link ends no session.
	if err := w.status(t, peopleHost, http.StatusOK, "Cookie: "+b.cookies(peopleHost)); err != nil {
		t.Error(err)
	}
	w.get(t, peopleHost, "/cdn-cgi/access/logout", "Cookie: "+b.cookies(peopleHost), "Sec-Purpose: prefetch")
	if err := w.status(t, peopleHost, http.StatusOK, "Cookie: "+b.cookies(peopleHost)); err != nil {
		t.Error(err)
	}
}
