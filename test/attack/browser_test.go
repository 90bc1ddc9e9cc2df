package attack

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// browser keeps cookies by host and follows redirects when it is told to.
type browser struct {
	*fixture
	jar  map[string]map[string]string
	from string // the address of its connections; empty for any
}

func (w *fixture) browser() *browser { return w.browserAt("") }

// browserAt is a browser at an address of this machine.
func (w *fixture) browserAt(from string) *browser {
	return &browser{w, map[string]map[string]string{}, from}
}

// cookies is the Cookie header for a host, or empty.
func (b *browser) cookies(host string) string {
	var all []string
	for name, value := range b.jar[host] {
		all = append(all, name+"="+value)
	}
	return strings.Join(all, "; ")
}

// visitPage asks for a URL: of the provider there, of any other host at the gateway.
func (b *browser) visitPage(t testing.TB, to string) (answer, []arrival) {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	if "http://"+u.Host == b.provider.URL || slices.Contains(b.others, "http://"+u.Host) {
		resp, err := http.DefaultTransport.RoundTrip(&http.Request{Method: http.MethodGet, URL: u, Header: http.Header{}})
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer{resp.StatusCode, resp.Header, string(body)}, nil
	}
	var lines []string
	if c := b.cookies(u.Host); c != "" {
		lines = append(lines, "Cookie: "+c)
	}
	a, arrived := b.send(t, b.from, request("GET", u.Host, u.RequestURI(), lines...))
	for _, line := range a.Header["Set-Cookie"] {
		c, err := http.ParseSetCookie(line)
		if err != nil {
			t.Errorf("cookie %q: %v", line, err)
			continue
		}
		if b.jar[u.Host] == nil {
			b.jar[u.Host] = map[string]string{}
		}
		if b.jar[u.Host][c.Name] = c.Value; c.MaxAge < 0 {
			delete(b.jar[u.Host], c.Name)
		}
	}
	return a, arrived
}

// walk follows redirects from a URL until one leads to a URL that has until in it, which it gives, or there
// are none, when it gives the answer.
func (b *browser) walk(t testing.TB, from, until string) (stopped string, a answer, arrived []arrival) {
	t.Helper()
	for range 10 {
		if until != "" && strings.Contains(from, until) {
			return from, a, nil
		}
		if a, arrived = b.visitPage(t, from); a.Status != http.StatusFound && a.Status != http.StatusSeeOther {
			return "", a, arrived
		}
		at, err := url.Parse(from)
		if err != nil {
			t.Fatal(err)
		}
		to, err := at.Parse(a.Header.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		from = to.String()
	}
	t.Fatalf("the redirects do not end: %s", from)
	return "", a, nil
}

// personAt is a browser of a person with a login at a host.
func (w *fixture) personAt(t testing.TB, host, email string) *browser {
	t.Helper()
	w.provider.LogIn(email)
	b := w.browser()
	if _, a, arrived := b.walk(t, "http://"+host+"/", ""); a.Status != http.StatusOK || len(arrived) != 1 {
		t.Fatalf("%s does not get in at %s: %d %s", email, host, a.Status, a.Body)
	}
	return b
}
