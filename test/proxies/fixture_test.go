//go:build proxies

package proxies

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"plumbline.dev/test/internal/stack"
)

// host is the application of the configurations.
const host = "app.example.com"

// allowedOrigin is the site allowed to send cross-origin requests.
const allowedOrigin = "https://spa.example.com"

// installation is a gateway with forward auth for the proxies, and the application's origin behind them.
type installation struct {
	plumb  *stack.Plumb
	origin *origin
	token  stack.ServiceToken
}

func newInstallation(t *testing.T) *installation {
	t.Helper()
	in := &installation{origin: newOrigin(t),
		plumb: stack.Up(t, "--forward-auth-from", "127.0.0.0/8", "--trusted-proxy", "127.0.0.0/8")}
	control, err := in.plumb.Control()
	if err != nil {
		t.Fatal(err)
	}
	if in.token, err = control.CreateToken(t.Context(), "a service"); err != nil {
		t.Fatal(err)
	}
	service := stack.Policy("service", "non_identity", []any{stack.TokenRule(in.token.ID)})
	everybody := stack.Policy("everybody", "bypass", []any{map[string]any{"everyone": map[string]any{}}})
	cors := map[string]any{"cors_headers": map[string]any{"allowed_origins": []string{allowedOrigin},
		"allowed_methods": []string{"PUT"}, "allow_credentials": true}}
	for _, g := range []stack.Guarded{
		{Name: "app", Domain: host, Origin: "http://" + in.origin.addr, Policies: []any{service}, Settings: cors},
		{Name: "public", Domain: host + "/public", Origin: "http://" + in.origin.addr, Policies: []any{everybody}},
	} {
		if _, err := control.CreateGuarded(t.Context(), g); err != nil {
			t.Fatal(err)
		}
	}
	direct := &site{in: in, addr: in.plumb.Access, client: clientOf(in.plumb.Access, nil)}
	if err := stack.AskUntil(10*time.Second*stack.Slowness(), func() error {
		return direct.ready(t)
	}); err != nil {
		t.Fatal(err)
	}
	in.origin.take()
	return in
}

// template is a configuration of deploy/proxies with the addresses substituted.
func (in *installation) template(t *testing.T, name string, more ...string) string {
	t.Helper()
	root, err := stack.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "deploy", "proxies", name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer(append(more, "127.0.0.1:8401", in.plumb.Access, "127.0.0.1:3000",
		in.origin.addr)...).Replace(string(text))
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func freeAddr(t *testing.T) (addr, port string) {
	t.Helper()
	addr, err := stack.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ = net.SplitHostPort(addr)
	return addr, port
}

// clientOf returns a client that connects to one address only and follows no redirect.
func clientOf(addr string, t *http.Transport) *http.Client {
	if t == nil {
		t = new(http.Transport)
	}
	t.DialContext = dialTo(addr)
	t.DisableCompression = true
	return &http.Client{Transport: t, Timeout: 20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}
