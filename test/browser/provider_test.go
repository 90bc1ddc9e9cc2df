//go:build browser

package browser

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	clientID     = "plumbline"
	clientSecret = "the-secret-at-the-provider"
	ada          = "ada@example.com"
	password     = "the right password"
)

// startProvider starts the provider and gives its issuer.
func startProvider(t *testing.T, callback string) string {
	t.Helper()
	config, err := json.Marshal(map[string]any{"client_id": clientID, "client_secret": clientSecret,
		"redirect_uri": callback, "users": map[string]any{ada: map[string]string{"password": password, "name": "Ada"}}})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", "provider.mjs", string(config))
	cmd.Dir = installed(t)
	var log bytes.Buffer
	cmd.Stderr = &log
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("the provider needs Node.js (Debian: apt-get install nodejs npm): %v", err)
	}
	t.Cleanup(func() {
		in.Close() // its end
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("log of the provider:\n%s", log.String())
		}
	})
	ready := make(chan string, 1)
	go func() {
		defer close(ready)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if issuer, ok := strings.CutPrefix(lines.Text(), "ready "); ok {
				ready <- issuer
			}
		}
	}()
	select {
	case issuer, ok := <-ready:
		if ok {
			return issuer
		}
	case <-time.After(30 * time.Second):
	}
	_ = cmd.Process.Kill()
	t.Fatalf("the provider does not start: %s", log.String())
	return ""
}

// installed is a directory with the provider and the packages that it needs, as its lock file has them.
func installed(t *testing.T) string {
	t.Helper()
	base, err := os.UserCacheDir()
	if err != nil {
		base = os.TempDir()
	}
	sum := sha256.New()
	files := []string{"package.json", "package-lock.json", "provider.mjs"}
	var contents [][]byte
	for _, name := range files {
		b, err := os.ReadFile(filepath.Join("provider", name))
		if err != nil {
			t.Fatal(err)
		}
		contents = append(contents, b)
		fmt.Fprintf(sum, "%s %d\n%s", name, len(b), b)
	}
	dir := filepath.Join(base, "plumbline-test", fmt.Sprintf("provider-%x", sum.Sum(nil)[:6]))
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	// Made elsewhere, and there at once when it is whole.
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		t.Fatal(err)
	}
	work, err := os.MkdirTemp(filepath.Dir(dir), "provider")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(work) })
	for i, name := range files {
		if err := os.WriteFile(filepath.Join(work, name), contents[i], 0o600); err != nil {
			t.Fatal(err)
		}
	}
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
	return dir
}
