package session

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"plumbline.dev/services/internal/clock"
)

func newTestStore() (*Store, *clock.Fake) {
	c := clock.NewFake(time.Unix(1000, 0))
	return NewStore(c), c
}

func TestALinkWorksOnceAndNotForLong(t *testing.T) {
	s, c := newTestStore()
	code := s.Link(Person{Name: "ann"})
	if p, ok := s.Redeem(code); !ok || p.Name != "ann" {
		t.Error("the link does not work")
	}
	if _, ok := s.Redeem(code); ok {
		t.Error("the link works twice")
	}
	code = s.Link(Person{Name: "ann"})
	c.Advance(LinkTime)
	if _, ok := s.Redeem(code); ok {
		t.Error("an expired link works")
	}
	if _, ok := s.Redeem(""); ok {
		t.Error("no link works")
	}
}

func TestSessionsAreBounded(t *testing.T) {
	s, c := newTestStore()
	first := s.Begin(Person{Token: "first"})
	unused := s.Begin(Person{Token: "unused"})
	c.Advance(time.Second)
	s.Find(first, true)
	for n := range maxSessions - 1 {
		s.Begin(Person{Token: strconv.Itoa(n)})
	}
	if _, ok := s.Find(first, false); !ok || s.Len() != maxSessions {
		t.Errorf("%d sessions; one in use ended: %v", s.Len(), !ok)
	}
	if _, ok := s.Find(unused, false); ok {
		t.Error("the session unused for longest goes on")
	}
}

// However often a person logs in, the sessions and links of others go on.
func TestAPersonEndsNobodyElsesSessions(t *testing.T) {
	s, c := newTestStore()
	ann, mallory := Person{Token: "ann"}, Person{Token: "mallory"}
	session, link := s.Begin(ann), s.Link(ann)
	c.Advance(time.Second)
	var sessions, links []string
	for range maxSessions {
		sessions, links = append(sessions, s.Begin(mallory)), append(links, s.Link(mallory))
		c.Advance(time.Millisecond)
	}
	if _, ok := s.Find(session, false); !ok || s.Len() != ownSessions+1 {
		t.Errorf("%d sessions; that of another ended: %v", s.Len(), !ok)
	}
	if _, ok := s.Redeem(link); !ok {
		t.Error("the link of another ended")
	}
	for n, secret := range sessions {
		if _, ok := s.Find(secret, false); ok != (n >= len(sessions)-ownSessions) {
			t.Fatalf("session %d of %d goes on: %v", n, len(sessions), ok)
		}
	}
	for n, code := range links {
		if _, ok := s.Look(code); ok != (n >= len(links)-ownLinks) {
			t.Fatalf("link %d of %d works: %v", n, len(links), ok)
		}
	}
	for _, secret := range sessions {
		s.End(secret)
	}
	for _, code := range links {
		s.Redeem(code)
	}
	s.End(session)
	if len(s.sessions.of)+len(s.links.of)+len(s.sessions.all)+len(s.links.all) > 0 {
		t.Errorf("something is left: %d %d", len(s.sessions.of), len(s.links.of))
	}
}

func TestWhatThePageLoadsByItselfDoesNotKeepASession(t *testing.T) {
	s, c := newTestStore()
	secret := s.Begin(Person{})
	c.Advance(Idle - time.Second)
	if _, ok := s.Find(secret, false); !ok {
		t.Error("the session ended early")
	}
	c.Advance(time.Second)
	if _, ok := s.Find(secret, true); ok {
		t.Error("a look kept the session")
	}
}

func TestCookies(t *testing.T) {
	plain := httptest.NewRequest(http.MethodGet, "/", nil)
	secure := httptest.NewRequest(http.MethodGet, "/", nil)
	secure.Header.Set("X-Forwarded-Proto", "https")
	through := secure.Clone(t.Context())
	through.Header.Set("Cf-Ray", "8f")
	for name, test := range map[string]struct {
		r    *http.Request
		want string
	}{
		"plain":               {plain, "plumbline_console=x; Path=/; HttpOnly; SameSite=Lax"},
		"secure":              {secure, "__Host-plumbline_console=x; Path=/; HttpOnly; Secure; SameSite=Lax"},
		"through the gateway": {through, "__Host-plumbline_console_gateway=x; Path=/; HttpOnly; Secure; SameSite=Lax"},
	} {
		w := httptest.NewRecorder()
		SetCookie(w, test.r, "x")
		if got := w.Header().Get("Set-Cookie"); got != test.want {
			t.Errorf("%s: %s", name, got)
		}
		test.r.AddCookie(w.Result().Cookies()[0])
		if Cookie(test.r) != "x" {
			t.Errorf("%s: the cookie is not read", name)
		}
	}
}

func TestInitials(t *testing.T) {
	for name, want := range map[string]string{"ann@example.com": "AN", "Ann Lee": "AL", "bootstrap token": "BT",
		"": "?", "@": "?", "é": "É"} {
		if got := (Person{Name: name}).Initials(); got != want {
			t.Errorf("%q: %s", name, got)
		}
	}
}
