package login_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"plumbline.dev/services/console/consoletest"
	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/console/login"
	"plumbline.dev/services/console/overview"
	"plumbline.dev/services/console/session"
)

// api is an API with one account and one token.
var api = map[string]http.HandlerFunc{
	"GET /accounts":      checked(consoletest.Answer([]any{map[string]any{"id": consoletest.Account, "name": "Example"}})),
	"GET /tokens/verify": checked(consoletest.Answer(map[string]any{"id": "0123456789", "status": "active"})),
	"GET /tokens/{id}":   checked(consoletest.Answer(map[string]any{"id": "0123456789", "name": "laptop of Bob"})),
}

func checked(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer right" {
			consoletest.Revoked(w, r)
			return
		}
		h(w, r)
	}
}

// request returns a request of a browser without a session.
func request(method, path, body string, header ...string) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

// cookie returns the session cookie set by a page, or nil.
func cookie(p *consoletest.Page) *http.Cookie {
	for _, c := range (&http.Response{Header: p.Header}).Cookies() {
		if strings.HasSuffix(c.Name, "plumbline_console") && c.MaxAge >= 0 {
			return c
		}
	}
	return nil
}

func TestLoginWithAnAPIToken(t *testing.T) {
	c := consoletest.New(t, api, login.Register, overview.Register)
	c.Do(request(http.MethodGet, "/login?next=/overview", "")).Has(http.StatusOK, "API token").Safe()

	wrong := c.Do(request(http.MethodPost, "/login", "token=wrong&next=/overview"))
	wrong.Has(http.StatusUnprocessableEntity, "does not accept this token").Safe()
	if cookie(wrong) != nil || strings.Contains(wrong.Body, `value="wrong"`) {
		t.Error("a wrong token begins a session, or is shown again")
	}
	c.Do(request(http.MethodPost, "/login", "token=")).Has(http.StatusUnprocessableEntity)

	right := c.Do(request(http.MethodPost, "/login", "token=right&next=%2Foverview%3Fa%3D1"))
	if right.Status != http.StatusSeeOther || right.Header.Get("Location") != "/overview?a=1" || cookie(right) == nil {
		t.Fatalf("%d %v", right.Status, right.Header)
	}
	r := request(http.MethodGet, "/overview", "")
	r.AddCookie(cookie(right))
	c.Do(r).Has(http.StatusOK, "laptop of Bob", "LO")
	asked := c.Asked("")
	if got := asked[len(asked)-1].Header.Get("Authorization"); got != "Bearer right" {
		t.Errorf("the API is asked with %q", got)
	}
	elsewhere := c.Do(request(http.MethodPost, "/login", "token=right&next=//evil.example"))
	if elsewhere.Header.Get("Location") != "/" {
		t.Errorf("the login leads to %s", elsewhere.Header.Get("Location"))
	}
}

func TestLogoutEndsTheSession(t *testing.T) {
	c := consoletest.New(t, api, login.Register, overview.Register)
	if p := c.Post("/logout", url.Values{}); p.Status != http.StatusSeeOther {
		t.Errorf("status %d", p.Status)
	}
	for _, path := range []string{"/login", "/logout"} { // a message for the session before is not for this one
		p := c.Do(request(http.MethodPost, path, "token=right"))
		forgot := func(s *http.Cookie) bool { return s.Name == "plumbline_flash" && s.MaxAge < 0 }
		if !slices.ContainsFunc((&http.Response{Header: p.Header}).Cookies(), forgot) {
			t.Errorf("%s keeps a message: %v", path, p.Header)
		}
	}
	if p := c.Get("/overview"); p.Status != http.StatusSeeOther { // with the old cookie
		t.Errorf("a session after its logout: %d", p.Status)
	}
	c.Get("/logout").Has(http.StatusOK, "Logged out")
}

func TestOneTimeLinks(t *testing.T) {
	c := consoletest.New(t, api, login.Register, overview.Register)
	refused := c.Do(request(http.MethodPost, login.LinkPath, "", "Authorization", "Bearer wrong"))
	if refused.Status != http.StatusForbidden {
		t.Errorf("a link for a wrong token: %d", refused.Status)
	}
	c.Do(request(http.MethodPost, login.LinkPath, "")).Has(http.StatusUnauthorized)
	made := c.Do(request(http.MethodPost, login.LinkPath, "", "Authorization", "Bearer right"))
	var link struct{ Path string }
	if err := json.Unmarshal([]byte(made.Body), &link); err != nil || made.Status != http.StatusOK {
		t.Fatal(made.Status, err)
	}
	for _, method := range []string{http.MethodHead, http.MethodGet} { // a preview, or another site
		if p := c.Do(request(method, link.Path, "")); p.Status != http.StatusOK || cookie(p) != nil {
			t.Errorf("%s of a link: %d %v", method, p.Status, p.Header)
		}
	}
	asks := c.Do(request(http.MethodGet, link.Path+"&next=//evil.example", "")).Safe()
	asks.Has(http.StatusOK, "Log in as laptop of Bob?", consoletest.Account.String())
	code := link.Path[strings.Index(link.Path, "=")+1:]
	if form := "code=" + code + "&next=%2F"; formOf(asks) != form {
		t.Errorf("the page sends %s, not %s", formOf(asks), form)
	}
	elsewhere := request(http.MethodPost, "/login/use", formOf(asks), "Sec-Fetch-Site", "cross-site")
	if p := c.Do(elsewhere); p.Status != http.StatusForbidden {
		t.Errorf("another site logs in: %d", p.Status)
	}
	used := c.Do(request(http.MethodPost, "/login/use", formOf(asks)))
	if used.Status != http.StatusSeeOther || used.Header.Get("Location") != "/" || cookie(used) == nil {
		t.Fatalf("%d %v", used.Status, used.Header)
	}
	for _, r := range []*http.Request{request(http.MethodGet, link.Path, ""),
		request(http.MethodPost, "/login/use", formOf(asks))} {
		again := c.Do(r).Has(http.StatusGone, "works once", "plumb console login").Safe()
		if cookie(again) != nil {
			t.Error("a used link begins a session")
		}
	}
}

// formOf returns what a page's form sends.
func formOf(p *consoletest.Page) string {
	values := url.Values{}
	for n, name := range p.Attributes("input", "name") {
		values.Set(name, p.Attributes("input", "value")[n])
	}
	return values.Encode()
}

// A link works until the control plane accepts its token: an outage does not use it up.
func TestALinkOutlivesAnOutage(t *testing.T) {
	var sessions *session.Store
	away := true
	routes := maps.Clone(api)
	routes["GET /accounts"] = func(w http.ResponseWriter, r *http.Request) {
		if away {
			consoletest.Refuse(http.StatusServiceUnavailable, "NATS is not available")(w, r)
			return
		}
		api["GET /accounts"](w, r)
	}
	c := consoletest.New(t, routes, login.Register, overview.Register,
		func(f *frame.Frame) { sessions = f.Sessions() })
	body := "code=" + sessions.Link(session.Person{Token: "right"})
	if p := c.Do(request(http.MethodPost, "/login/use", body)); p.Status != http.StatusServiceUnavailable {
		t.Errorf("without the control plane: %d", p.Status)
	}
	away = false
	if p := c.Do(request(http.MethodPost, "/login/use", body)); p.Status != http.StatusSeeOther || cookie(p) == nil {
		t.Errorf("after the outage: %d", p.Status)
	}
}

// Who follows a link while logged in learns that their session would end.
func TestALinkTellsWhoOneIs(t *testing.T) {
	var sessions *session.Store
	c := consoletest.New(t, api, login.Register, overview.Register, func(f *frame.Frame) { sessions = f.Sessions() })
	c.Get(login.LinkFor(sessions, session.Person{Token: "right"})).Has(http.StatusOK, "Log in as laptop of Bob?",
		"You are logged in as ann@example.com")
}

// The link that plumb up prints has a token only: who it is, is asked when it is used.
func TestLinksOfTheOwnProcess(t *testing.T) {
	var sessions *session.Store
	c := consoletest.New(t, api, login.Register, overview.Register, func(f *frame.Frame) { sessions = f.Sessions() })
	asks := c.Do(request(http.MethodGet, login.LinkFor(sessions, session.Person{Token: "right"}), ""))
	used := c.Do(request(http.MethodPost, "/login/use", formOf(asks.Has(http.StatusOK, "laptop of Bob"))))
	r := request(http.MethodGet, "/overview", "")
	r.AddCookie(cookie(used))
	c.Do(r).Has(http.StatusOK, "laptop of Bob")
}
