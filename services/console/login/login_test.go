package login_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
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
	c.Do(request(http.MethodHead, link.Path, "")) // a preview does not use it up
	used := c.Do(request(http.MethodGet, link.Path+"&next=//evil.example", ""))
	if used.Status != http.StatusSeeOther || used.Header.Get("Location") != "/" || cookie(used) == nil {
		t.Fatalf("%d %v", used.Status, used.Header)
	}
	again := c.Do(request(http.MethodGet, link.Path, "")).Has(http.StatusGone, "works once", "plumb console login").Safe()
	if cookie(again) != nil {
		t.Error("a used link begins a session")
	}
}

// The link that plumb up prints has a token only: who it is, is asked when it is used.
func TestLinksOfTheOwnProcess(t *testing.T) {
	var sessions *session.Store
	c := consoletest.New(t, api, login.Register, overview.Register, func(f *frame.Frame) { sessions = f.Sessions() })
	used := c.Do(request(http.MethodGet, login.LinkFor(sessions, session.Person{Token: "right"}), ""))
	r := request(http.MethodGet, "/overview", "")
	r.AddCookie(cookie(used))
	c.Do(r).Has(http.StatusOK, "laptop of Bob")
}
