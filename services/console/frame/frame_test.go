package frame_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"

	"plumbline.dev/services/console/consoletest"
	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/console/session"
	"plumbline.dev/services/plumb/client"
)

var set = frame.Parse(fstest.MapFS{"x.html": {Data: []byte(
	`{{define "thing"}}<h1>{{.}}</h1>{{template "list" .}}{{end}}{{define "list"}}<div id="list">{{.}}</div>{{end}}`)}})

// screen has a page that reads a thing, and an action that changes it.
func screen(f *frame.Frame) {
	f.Get("/things/{id}", func(r *frame.Request) error {
		all, err := r.API.Status(r.Context())
		if err != nil {
			return err
		}
		return r.Page(frame.Page{Title: "Thing", Nav: "/devices", Set: set, Name: "thing", Data: r.PathValue("id") +
			strings.Repeat("!", len(all))})
	})
	f.Post("/things/{id}/poll", func(r *frame.Request) error {
		if _, err := r.API.PollNow(r.Context(), r.PathValue("id")); err != nil {
			return err
		}
		return r.Redirect("/things/1", "Polled.")
	})
}

func TestPagesHaveStrictHeaders(t *testing.T) {
	c := consoletest.New(t, nil, screen)
	nonces := map[string]bool{}
	for range 2 {
		p := c.Get("/things/a").Has(http.StatusOK, "ann@example.com", "a").Safe()
		nonce := p.Attributes("script", "nonce")[0]
		nonces[nonce] = true
		want := "default-src 'none'; script-src 'nonce-" + nonce + "' 'strict-dynamic'; style-src 'nonce-" + nonce +
			"'; connect-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; " +
			"require-trusted-types-for 'script'"
		for name, want := range map[string]string{"Content-Security-Policy": want, "Cache-Control": "no-store",
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin"} {
			if got := p.Header.Get(name); got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
	}
	if len(nonces) != 2 {
		t.Error("two pages have the same nonce")
	}
}

func TestWithoutASessionEveryRouteLeadsToTheLogin(t *testing.T) {
	c := consoletest.New(t, nil, screen)
	for _, r := range []*http.Request{
		httptest.NewRequest(http.MethodGet, "/things/a?q=1", nil),
		httptest.NewRequest(http.MethodPost, "/things/a/poll", nil),
		httptest.NewRequest(http.MethodGet, "/nothing", nil),
	} {
		p := c.Do(r)
		if p.Status != http.StatusSeeOther || !strings.HasPrefix(p.Header.Get("Location"), "/login") {
			t.Errorf("%s %s: %d %s", r.Method, r.URL, p.Status, p.Header.Get("Location"))
		}
	}
	if got := c.Do(httptest.NewRequest(http.MethodGet, "/things/a?q=1", nil)).Header.Get("Location"); got !=
		"/login?next=%2Fthings%2Fa%3Fq%3D1" {
		t.Error(got)
	}
	if len(c.Asked("")) > 0 {
		t.Error("the API was asked without a credential")
	}
}

func TestFormsOfOtherSitesAreRejected(t *testing.T) {
	c := consoletest.New(t, map[string]http.HandlerFunc{
		"POST /plumbline/integrations/1/poll": consoletest.Answer(map[string]any{"tick": 1})}, screen)
	for name, header := range map[string]http.Header{
		"cross-site":       {"Sec-Fetch-Site": {"cross-site"}},
		"same-site":        {"Sec-Fetch-Site": {"same-site"}},
		"another origin":   {"Origin": {"https://evil.example"}},
		"an opaque origin": {"Origin": {"null"}},
	} {
		r := c.Request(http.MethodPost, "/things/1/poll", url.Values{})
		r.Header.Del("Sec-Fetch-Site")
		for k, v := range header {
			r.Header[k] = v
		}
		if p := c.Do(r); p.Status != http.StatusForbidden {
			t.Errorf("%s: status %d", name, p.Status)
		}
	}
	if n := len(c.Asked(http.MethodPost)); n > 0 {
		t.Errorf("the API was asked %d times", n)
	}
	if p := c.Post("/things/1/poll", url.Values{}); p.Status != http.StatusSeeOther || len(c.Asked(http.MethodPost)) != 1 {
		t.Errorf("a form of the console itself: %d", p.Status)
	}
}

// Another site's page may lead to the console, and load nothing of it.
func TestOtherSitesLoadNothing(t *testing.T) {
	c := consoletest.New(t, nil, screen, func(f *frame.Frame) {
		f.Get("/things/export", func(r *frame.Request) error { return r.Redirect("/things/1", "") })
	})
	page := []string{"navigate", "document"}
	for _, test := range []struct {
		site, path string
		how        []string // mode and destination
		denied     bool
	}{
		{"cross-site", "/things/1", page, false},
		{"same-site", "/things/1", page, false},
		{"cross-site", "/things/1", []string{"navigate", "iframe"}, true},
		{"cross-site", "/things/1", []string{"no-cors", "image"}, true},
		{"same-site", "/things/1", []string{"no-cors", "image"}, true},
		{"cross-site", "/things/1", []string{"cors", "empty"}, true},
		{"cross-site", "/things/export?format=csv", page, true},
		{"cross-site", "/live", page, true},
		{"same-origin", "/things/export?format=csv", page, false},
		{"none", "/things/export?format=csv", page, false},
		{"same-origin", "/things/1", []string{"same-origin", "empty"}, false},
		{"", "/things/1", []string{"", ""}, false},
	} {
		r := c.Request(http.MethodGet, test.path, nil)
		for n, name := range []string{"Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest"} {
			if value := append([]string{test.site}, test.how...)[n]; value != "" {
				r.Header.Set(name, value)
			}
		}
		if p := c.Do(r); (p.Status == http.StatusForbidden) != test.denied {
			t.Errorf("%+v: status %d", test, p.Status)
		}
	}
}

func TestProblemsAreSentences(t *testing.T) {
	for name, test := range map[string]struct {
		route http.HandlerFunc
		want  int
		text  string
		retry bool
	}{
		"not permitted": {consoletest.Refuse(403, "requires Posture Read"), 403, "Not permitted", false},
		"not found":     {consoletest.Refuse(404, "no such integration"), 404, "No such integration.", false},
		"away":          {consoletest.Refuse(503, "NATS is not available"), 503, "NATS is not available.", true},
		"busy":          {consoletest.Refuse(429, "too many requests"), 429, "asks to wait", true},
		"bad request":   {consoletest.Refuse(400, consoletest.Hostile), 400, "rejected the request", false},
	} {
		c := consoletest.New(t, map[string]http.HandlerFunc{"GET /plumbline/status": test.route}, screen)
		p := c.Get("/things/a").Has(test.want, test.text).Safe()
		if refresh := strings.Contains(p.Body, `http-equiv="refresh"`); refresh != test.retry {
			t.Errorf("%s: loads itself again: %v", name, refresh)
		}
		part := c.Fragment("/things/a", "list").Has(test.want, test.text).Safe()
		if !strings.Contains(part.Body, `id="list"`) || strings.Contains(part.Body, `data-hx-get="/things/a"`) != test.retry {
			t.Errorf("%s: fragment %s", name, part.Body)
		}
	}
	consoletest.Down(t, screen).Get("/things/a").Has(http.StatusBadGateway, "The control plane does not answer").Safe()
}

// A credential that the control plane no longer accepts ends the session.
func TestARevokedTokenLeadsToTheLogin(t *testing.T) {
	c := consoletest.New(t, map[string]http.HandlerFunc{"GET /plumbline/status": consoletest.Revoked}, screen)
	for range 2 {
		p := c.Get("/things/a")
		if p.Status != http.StatusSeeOther || p.Header.Get("Location") != "/login?ended=1&next=%2Fthings%2Fa" {
			t.Fatalf("%d %s", p.Status, p.Header.Get("Location"))
		}
	}
	if n := len(c.Asked("")); n != 1 {
		t.Errorf("the API was asked %d times: the session goes on", n)
	}
	p := c.Fragment("/things/a", "list")
	if p.Status != http.StatusOK || !strings.HasPrefix(p.Header.Get("HX-Redirect"), "/login") {
		t.Errorf("a fragment: %d %s", p.Status, p.Header.Get("HX-Redirect"))
	}
}

func TestSessionsEnd(t *testing.T) {
	c := consoletest.New(t, nil, screen)
	for range 20 {
		c.Clock.Advance(session.Idle - 1)
		if c.Get("/things/a").Status != http.StatusOK {
			break
		}
	}
	if age := c.Clock.Now().Sub(consoletest.Now); age < session.Lifetime || age > session.Lifetime+session.Idle {
		t.Errorf("a session in use lived for %v", age)
	}
	c = consoletest.New(t, nil, screen)
	c.Clock.Advance(session.Idle)
	if p := c.Get("/things/a"); p.Status != http.StatusSeeOther {
		t.Errorf("an idle session: %d", p.Status)
	}
}

func TestMessagesAreShownOnce(t *testing.T) {
	c := consoletest.New(t, map[string]http.HandlerFunc{
		"POST /plumbline/integrations/1/poll": consoletest.Answer(map[string]any{"tick": 1})}, screen)
	p := c.Post("/things/1/poll", url.Values{})
	r := c.Request(http.MethodGet, p.Header.Get("Location"), nil)
	cookies := (&http.Response{Header: p.Header}).Cookies()
	r.AddCookie(cookies[0])
	shown := c.Do(r).Has(http.StatusOK, "Polled.")
	if cookies := (&http.Response{Header: shown.Header}).Cookies(); len(cookies) != 1 || cookies[0].MaxAge >= 0 {
		t.Errorf("%v", cookies)
	}
}

// Over TLS, another host of the domain can set no message: the name of its cookie is the host's own.
func TestMessagesAreOfTheConsole(t *testing.T) {
	c := consoletest.New(t, map[string]http.HandlerFunc{
		"POST /plumbline/integrations/1/poll": consoletest.Answer(map[string]any{"tick": 1})}, screen)
	secret := c.Request(http.MethodGet, "/", nil).Cookies()[0].Value
	request := func(method string, further *http.Cookie) *http.Request {
		r := httptest.NewRequest(method, "/things/1", nil)
		if method == http.MethodPost {
			r.URL.Path += "/poll"
		}
		r.Header.Set("X-Forwarded-Proto", "https")
		r.AddCookie(&http.Cookie{Name: "__Host-plumbline_console", Value: secret})
		if further != nil {
			r.AddCookie(further)
		}
		return r
	}
	p := c.Do(request(http.MethodPost, nil))
	set := (&http.Response{Header: p.Header}).Cookies()
	if len(set) != 1 || set[0].Name != "__Host-plumbline_flash" || !set[0].Secure || set[0].Domain != "" ||
		set[0].Path != "/" {
		t.Fatalf("%d %v", p.Status, set)
	}
	c.Do(request(http.MethodGet, set[0])).Has(http.StatusOK, "Polled.")
	shown := c.Do(request(http.MethodGet, &http.Cookie{Name: "plumbline_flash", Value: set[0].Value}))
	if shown.Has(http.StatusOK); strings.Contains(shown.Text(), "Polled.") {
		t.Error("a message that another host may have set is shown")
	}
}

func TestBackLeadsToTheConsoleOnly(t *testing.T) {
	for next, want := range map[string]string{"/devices?q=1": "/devices?q=1", "//evil.example/": "/",
		"/\\evil.example":      "/",
		"https://evil.example": "/", "": "/", "devices": "/", "/a\nb": "/", "javascript:alert(1)": "/"} {
		if got := frame.Back(next, "/"); got != want {
			t.Errorf("%q: %q", next, got)
		}
	}
}

func TestRejectedValuesStandAtTheirFields(t *testing.T) {
	f := frame.NewForm("api_url", "x")
	if !f.Refused(&client.Error{Status: 400, Message: "config.api_url: must be an https URL"}) ||
		f.Errors["api_url"] != "Must be an https URL." {
		t.Errorf("%+v", f)
	}
	f = frame.NewForm("api_url", "x")
	if !f.Refused(&client.Error{Status: 400, Message: "api_url: état unknown"}) || f.Errors["api_url"] != "État unknown." {
		t.Errorf("%+v", f)
	}
	f = frame.NewForm("api_url", "x")
	if !f.Refused(&client.Error{Status: 409, Message: "name: is in use"}) || f.Problem != "Name: is in use." || f.OK() {
		t.Errorf("%+v", f)
	}
	if f.Refused(&client.Error{Status: 403, Message: "no"}) {
		t.Error("a missing permission is not a wrong value")
	}
}
