package assertion_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"plumbline.dev/services/console/consoletest"
	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/console/login"
	"plumbline.dev/services/console/overview"
	"plumbline.dev/services/plumb/client"
)

// api accepts one assertion, and nothing with an API token.
func api(t *testing.T, expires time.Time) map[string]http.HandlerFunc {
	checked := func(result any) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "" || r.Header.Get("Cookie") != "" || r.Header.Get("Origin") != "" {
				t.Errorf("the API got %v", r.Header)
			}
			if r.Header.Get(client.HeaderAssertion) != "ann's" {
				consoletest.Revoked(w, r)
				return
			}
			consoletest.Answer(result)(w, r)
		}
	}
	return map[string]http.HandlerFunc{
		"GET /accounts":         checked([]any{map[string]any{"id": consoletest.Account}}),
		"GET /plumbline/me":     checked(map[string]any{"type": "user", "email": "ann@example.org", "expires_on": expires}),
		"GET /plumbline/status": checked([]any{}),
	}
}

func get(path string, assertions ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for _, a := range assertions {
		r.Header.Add(client.HeaderAssertion, a)
	}
	return r
}

func asked(c *consoletest.Console, path string) int {
	n := 0
	for _, a := range c.Asked(http.MethodGet) {
		if a.Path == path {
			n++
		}
	}
	return n
}

func TestAMemberOfTheGatewayNeedsNoLogin(t *testing.T) {
	c := consoletest.New(t, api(t, consoletest.Now.Add(time.Hour)), screen)
	for range 3 {
		c.Do(get("/who", "ann's")).Has(http.StatusOK, "ann@example.org")
	}
	if n := asked(c, "/plumbline/me"); n != 1 {
		t.Errorf("the control plane was asked %d times", n)
	}
	c.Clock.Advance(30 * time.Second)
	c.Do(get("/who", "ann's")).Has(http.StatusOK)
	if n := asked(c, "/plumbline/me"); n != 2 {
		t.Errorf("the control plane was asked %d times", n)
	}
	page := c.Do(get("/overview", "ann's"))
	if !strings.Contains(page.Body, `href="/cdn-cgi/access/logout"`) {
		t.Error("the logout is not the gateway's")
	}
}

func TestOtherAssertionsLeadToTheLogin(t *testing.T) {
	c := consoletest.New(t, api(t, time.Time{}), screen)
	for name, r := range map[string]*http.Request{"forged": get("/who", "forged"), "none": get("/who")} {
		if p := c.Do(r); p.Status != http.StatusSeeOther || !strings.HasPrefix(p.Header.Get("Location"), "/login") {
			t.Errorf("%s: %d", name, p.Status)
		}
	}
	if p := c.Do(get("/who", "ann's", "forged")); p.Status == http.StatusOK {
		t.Error("two assertions")
	}
}

// The answer of the control plane is not used after the assertion's end.
func TestAnExpiredAssertionIsAskedAboutAgain(t *testing.T) {
	c := consoletest.New(t, api(t, consoletest.Now.Add(time.Second)), screen)
	c.Do(get("/who", "ann's")).Has(http.StatusOK)
	c.Clock.Advance(time.Second)
	c.Do(get("/who", "ann's")).Has(http.StatusOK)
	if n := asked(c, "/plumbline/me"); n != 2 {
		t.Errorf("the control plane was asked %d times", n)
	}
}

// A person who is no member sees what the control plane says about it, whatever they send.
func TestNotAMember(t *testing.T) {
	c := consoletest.New(t, map[string]http.HandlerFunc{
		"GET /accounts": consoletest.Refuse(http.StatusForbidden, "eve@example.org is not a member of the account")}, screen)
	c.Do(get("/who", "eve's")).Has(http.StatusForbidden, "Not permitted", "is not a member of the account").Safe()
	post := get("/who", "eve's")
	post.Method = http.MethodPost
	c.Do(post).Has(http.StatusForbidden, "is not a member")
}

// A session, which a link of somebody else may have begun, does not take the place of a member. Who is none may use
// an API token, and the control plane is not asked about them with every request.
func TestTheGatewayWinsOverASession(t *testing.T) {
	notMember := consoletest.Refuse(http.StatusForbidden, "eve@example.org is not a member of the account")
	routes := api(t, consoletest.Now.Add(time.Hour))
	member := routes["GET /accounts"]
	routes["GET /accounts"] = func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(client.HeaderAssertion) == "eve's" {
			notMember(w, r)
			return
		}
		member(w, r)
	}
	c := consoletest.New(t, routes, screen, login.Register)
	for assertion, want := range map[string]string{"ann's": "ann@example.org", "eve's": "ann@example.com",
		"forged": "ann@example.com"} {
		before := asked(c, "")
		for range 3 {
			r := c.Request(http.MethodGet, "/who", nil)
			r.Header.Set(client.HeaderAssertion, assertion)
			if p := c.Do(r); p.Body != want {
				t.Errorf("%s: %d %q, want %q", assertion, p.Status, p.Body, want)
			}
		}
		if n := asked(c, "") - before; n != 1 {
			t.Errorf("%s: the control plane was asked %d times", assertion, n)
		}
	}
	r := c.Request(http.MethodPost, "/login", url.Values{"token": {"x"}})
	r.Header.Set(client.HeaderAssertion, "ann's")
	c.Do(r).Has(http.StatusConflict, "You are ann@example.org here")
}

func screen(f *frame.Frame) {
	overview.Register(f)
	who := func(r *frame.Request) error {
		_, err := r.W.Write([]byte(r.Person.Name))
		return err
	}
	f.Get("/who", who)
	f.Post("/who", who)
}
