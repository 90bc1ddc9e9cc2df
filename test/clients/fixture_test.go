//go:build clients

package clients

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"plumbline.dev/test/internal/oidc"
	"plumbline.dev/test/internal/stack"
)

const (
	ada          = "ada@example.com"
	clientID     = "plumbline"
	clientSecret = "the-secret-at-the-provider"
)

// fixture is an installation, and the settings of a client.
type fixture struct {
	base, token, account string
	control              *stack.Control
	plumb                *stack.Plumb
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	p, err := stack.New("up", filepath.Join(t.TempDir(), "data"), "--min-interval", "1s")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(p.Access)
	if err != nil {
		t.Fatal(err)
	}
	p.Args = append(p.Args, "--team-domain", "http://team.localhost:"+port)
	p.Start(t)
	p.AwaitReady(t)
	w := &fixture{base: "http://" + p.API + "/client/v4", plumb: p}
	if w.control, err = p.Control(); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]*string{"api-token": &w.token, "account-id": &w.account} {
		b, err := os.ReadFile(filepath.Join(p.Data, name))
		if err != nil {
			t.Fatal(err)
		}
		*to = strings.TrimSpace(string(b))
	}
	return w
}

// environment returns the additional environment of a client's process.
func (w *fixture) environment() []string {
	return append(os.Environ(), "PLUMBLINE_BASE="+w.base, "PLUMBLINE_TOKEN="+w.token, "PLUMBLINE_ACCOUNT="+w.account,
		"CLOUDFLARE_API_URL="+w.base, "CLOUDFLARE_API_TOKEN="+w.token, "NO_PROXY=*")
}

// logIn has Ada log in to an application, which stays, as it is named in the clients' tests.
func (w *fixture) logIn(t *testing.T) {
	t.Helper()
	_, port, err := net.SplitHostPort(w.plumb.Access)
	if err != nil {
		t.Fatal(err)
	}
	provider, err := oidc.New("http://team.localhost:"+port+"/cdn-cgi/access/callback", clientID, clientSecret)
	if err != nil {
		t.Fatal(err)
	}
	provider.LogIn(ada)
	var idp struct{ ID string }
	if err := w.control.Call(t.Context(), http.MethodPost, "/access/identity_providers",
		map[string]any{"name": "Example", "type": "oidc",
			"config": map[string]any{"client_id": clientID, "client_secret": clientSecret, "x_issuer": provider.URL}},
		&idp); err != nil {
		t.Fatal(err)
	}
	origin := stack.NewOrigin(t, nil)
	if _, err := w.control.CreateGuarded(t.Context(),
		stack.Guarded{Name: "Of a person", Domain: "person.localhost", Origin: origin.URL,
			Policies: []any{stack.Policy("people", "allow", []any{map[string]any{"email": map[string]any{"email": ada}}})},
			Settings: map[string]any{"allowed_idps": []string{idp.ID}, "auto_redirect_to_identity": true}}); err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	browser := &http.Client{Jar: jar,
		Transport: &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if strings.Contains(addr, ".localhost:") {
				addr = w.plumb.Access
			}
			return dialer.DialContext(ctx, network, addr)
		}}}
	t.Cleanup(browser.CloseIdleConnections)
	stack.Until(t, 10*time.Second, "Ada is logged in", func() error {
		resp, err := browser.Get("http://person.localhost:" + port + "/")
		if err != nil {
			return err
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK || origin.Arrived() == 0 {
			return fmt.Errorf("%s from %s", resp.Status, resp.Request.URL)
		}
		return nil
	})
}
