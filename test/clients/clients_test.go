//go:build clients

package clients

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"plumbline.dev/test/internal/npm"
	"plumbline.dev/test/internal/stack"
)

// run runs a client's tests; they report their findings themselves.
func (w *fixture) run(t *testing.T, dir string, more []string, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute*stack.Slowness())
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(w.environment(), more...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	t.Logf("%s", out.Bytes())
	if err != nil {
		t.Error(err)
	}
}

// The newest TypeScript SDK: the life of every resource, every answer held against the SDK's own types.
func TestTypeScript(t *testing.T) {
	w := newFixture(t)
	w.logIn(t)
	w.run(t, npm.Installed(t, "clients", "node"), []string{"PLUMBLINE_PERSON=" + ada}, "node", "--test-reporter=spec",
		"typescript.test.mjs")
}

func TestOlderTypeScript(t *testing.T) {
	newFixture(t).run(t, npm.Installed(t, "clients", "node"), nil, "node", "--test-reporter=spec", "older.test.mjs")
}

func TestPython(t *testing.T) {
	newFixture(t).run(t, ".", []string{"PYTHONDONTWRITEBYTECODE=1"}, python(t), "cloudflare_test.py")
}

// python is an interpreter with python-cloudflare.
func python(t *testing.T) string {
	t.Helper()
	var all []string
	for _, path := range []string{"python3", "/usr/bin/python3"} {
		out, err := exec.Command(path, "-c", "import CloudFlare").CombinedOutput()
		if err == nil {
			return path
		}
		all = append(all, fmt.Sprintf("%s: %v %s", path, err, out))
	}
	t.Fatalf("there is no Python with python-cloudflare (Debian: apt-get install python3-cloudflare):\n%s",
		strings.Join(all, "\n"))
	return ""
}
