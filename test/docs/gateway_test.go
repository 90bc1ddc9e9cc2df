package docs

import (
	"net"
	"strings"
	"testing"

	"plumbline.dev/test/internal/oidc"
	"plumbline.dev/test/internal/stack"
)

// gateway runs the commands of services/gateway/README.md. The commands show a Client ID for the reader to copy.
func (f *fixture) gateway(t *testing.T) {
	t.Helper()
	const clientID, secret = "0oa1example", "the-secret-at-the-provider"
	_, port, err := net.SplitHostPort(f.plumb.Access)
	if err != nil {
		t.Fatal(err)
	}
	provider, err := oidc.New("http://team.localhost:"+port+"/cdn-cgi/access/callback", clientID, secret)
	if err != nil {
		t.Fatal(err)
	}
	f.with("https://example.okta.com", provider.URL)
	f.write(t, "okta.secret", secret)

	const copied = `CLIENT_ID=$(./plumb token show ci -o json | sed -n 's/.*"client_id": *"\([^"]*\)".*/\1/p')` + "\n"
	guard := text(t, "services/gateway/README.md", "guard")
	create, rest := cutAt(t, guard, "curl ")
	const retry = "curl --retry 10 --retry-all-errors --fail " // a new application is known to the gateway in a moment
	if out := f.run(t, "guard", create+copied+retry+rest); !endsWith(out, "origin") {
		t.Errorf("the guarded application answers %s", out)
	}
	log := f.start(t, "access log", "exec "+strings.Split(text(t, "README.md", "follow"), "\n")[1])
	stack.Until(t, soon, "a denied request is shown", func() error {
		f.run(t, "deny", copied+strings.Replace("curl -s -o denied.html "+rest, "$(cat ci.secret)", "wrong", 1))
		if !strings.Contains(log.Output(), "wiki") {
			return &missing{"wiki", log.Output() + log.Log()}
		}
		return nil
	})
	log.Kill()
	f.run(t, "people", text(t, "services/gateway/README.md", "people"))
}
