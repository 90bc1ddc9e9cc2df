package attack

import (
	"errors"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"plumbline.dev/test/internal/stack"
)

// A token that the exchange signed with the very key that it signs with now, but as the issuer of another
// team domain, or that has expired, opens nothing.
func TestGenuineTokensOfAnotherIssuerAndTime(t *testing.T) {
	w := &fixture{apps: map[string]stack.Application{}}
	var err error
	if w.plumb, err = stack.New("up", filepath.Join(t.TempDir(), "data")); err != nil {
		t.Fatal(err)
	}
	if w.origin, err = newOrigin(); err != nil {
		t.Fatal(err)
	}
	w.plumb.Start(t)
	w.plumb.AwaitReady(t)
	if w.control, err = w.plumb.Control(); err != nil {
		t.Fatal(err)
	}
	if w.service, err = w.control.CreateToken(t.Context(), "service"); err != nil {
		t.Fatal(err)
	}
	const host, brief = "app.example.com", "brief.example.com"
	for domain, life := range map[string]string{host: "1h", brief: "2s"} {
		if _, err := w.control.CreateGuarded(t.Context(), stack.Guarded{Name: domain, Domain: domain, Origin: w.origin.URL,
			Settings: members{"session_duration": life},
			Policies: []any{stack.Policy("service", "non_identity", []any{stack.TokenRule(w.service.ID)}),
				stack.Policy("people", "allow", []any{members{"everyone": members{}}})}}); err != nil {
			t.Fatal(err)
		}
	}
	enters := func(host string) genuine {
		t.Helper()
		stack.Until(t, 10*time.Second, "the service enters", func() error {
			return w.status(t, host, http.StatusOK, lines(w.service)...)
		})
		g := w.tokenOf(t, host, w.service)
		if err := w.status(t, host, http.StatusOK, "cf-access-token: "+g.text); err != nil {
			t.Fatalf("its token: %v", err)
		}
		return g
	}
	g := enters(brief)
	ends, ok := g.claims["exp"].(float64)
	if begins, _ := g.claims["iat"].(float64); !ok || ends-begins > 60 {
		t.Fatalf("the token for 2 s has the claims %v", g.claims)
	}
	stack.Until(t, time.Until(time.Unix(int64(ends), 0))+2*time.Second, "the token expires", func() error {
		if w.status(t, brief, http.StatusOK, "cf-access-token: "+g.text) == nil {
			return errors.New("it opens the application")
		}
		return nil
	})
	if early := time.Until(time.Unix(int64(ends), 0)); early > 0 {
		t.Errorf("the token ended %v before its time", early)
	}
	w.outside(t, "an expired token", brief, g.text)

	g = enters(host)
	if _, err := w.plumb.Process().Interrupt(20 * time.Second); err != nil {
		t.Fatal(err)
	}
	w.plumb.Args = append(w.plumb.Args, "--team-domain", "http://other.example.com")
	w.plumb.Start(t)
	w.plumb.AwaitReady(t)
	now := enters(host)
	if now.head["kid"] != g.head["kid"] || now.claims["iss"] == g.claims["iss"] ||
		now.claims["iss"] != "http://other.example.com" {
		t.Fatalf("the tokens are of %v and %v", g, now)
	}
	w.outside(t, "a token of another issuer by the same key", host, g.text)
}
