//go:build clients

package clients

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"plumbline.dev/test/internal/stack"
)

// run runs a client's tests, which tell themselves what they found.
func (w *world) run(t *testing.T, dir string, more []string, name string, args ...string) {
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
	w := newWorld(t)
	w.logIn(t)
	w.run(t, installed(t), []string{"PLUMBLINE_PERSON=" + ada}, "node", "--test-reporter=spec", "typescript.test.mjs")
}

func TestOlderTypeScript(t *testing.T) {
	newWorld(t).run(t, installed(t), nil, "node", "--test-reporter=spec", "older.test.mjs")
}

func TestPython(t *testing.T) {
	newWorld(t).run(t, ".", []string{"PYTHONDONTWRITEBYTECODE=1"}, python(t), "cloudflare_test.py")
}

// python is one that has python-cloudflare.
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
	t.Fatalf("there is no Python with python-cloudflare (Debian: apt-get install python3-cloudflare):\n%s", strings.Join(all, "\n"))
	return ""
}

// installed is a directory with the tests of the SDKs and the packages that they need, as their lock file has them.
func installed(t *testing.T) string {
	t.Helper()
	base, err := os.UserCacheDir()
	if err != nil {
		base = os.TempDir()
	}
	files, err := filepath.Glob(filepath.Join("node", "*.*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("the tests of the SDKs: %q, %v", files, err)
	}
	sum, contents := sha256.New(), map[string][]byte{}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		contents[filepath.Base(name)] = b
		if strings.HasPrefix(filepath.Base(name), "package") {
			fmt.Fprintf(sum, "%s %d\n%s", name, len(b), b)
		}
	}
	dir := filepath.Join(base, "plumbline-test", fmt.Sprintf("clients-%x", sum.Sum(nil)[:6]))
	if _, err := os.Stat(dir); err != nil {
		install(t, dir, contents)
	}
	// The tests are beside their packages, each time as they are now.
	here, err := os.MkdirTemp(dir, "run")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(here) })
	write(t, here, contents)
	return here
}

// install has npm fetch the packages, elsewhere, and then puts them at dir at once.
func install(t *testing.T, dir string, contents map[string][]byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		t.Fatal(err)
	}
	work, err := os.MkdirTemp(filepath.Dir(dir), "clients")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(work)
	write(t, work, contents)
	cmd := exec.CommandContext(t.Context(), "npm", "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = work
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("npm ci (Debian: apt-get install nodejs npm): %v\n%s", err, out)
	}
	if err := os.Rename(work, dir); err != nil {
		if _, there := os.Stat(dir); there != nil { // else another process was faster
			t.Fatal(err)
		}
	}
}

func write(t *testing.T, dir string, contents map[string][]byte) {
	t.Helper()
	for name, b := range contents {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
