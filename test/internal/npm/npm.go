// Package npm installs npm packages for tests, once, in the user's cache directory.
package npm

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Installed returns a new directory with copies of the files in dir, in a place from which Node.js finds the packages
// of dir's lock file. The directory is removed at the end of the test.
func Installed(t *testing.T, name, dir string) string {
	t.Helper()
	base, err := os.UserCacheDir()
	if err != nil {
		base = os.TempDir()
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("files in %s: %q, %v", dir, files, err)
	}
	sum, contents := sha256.New(), map[string][]byte{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		contents[filepath.Base(file)] = b
		if strings.HasPrefix(filepath.Base(file), "package") {
			fmt.Fprintf(sum, "%s %d\n%s", file, len(b), b)
		}
	}
	installed := filepath.Join(base, "plumbline-test", fmt.Sprintf("%s-%x", name, sum.Sum(nil)[:6]))
	if _, err := os.Stat(installed); err != nil {
		install(t, installed, contents)
	}
	// The files are copied next to their packages on every call, so they are current.
	here, err := os.MkdirTemp(installed, "run")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(here) })
	write(t, here, contents)
	return here
}

// install installs the packages in a temporary directory, and then moves them to dir in one step.
func install(t *testing.T, dir string, contents map[string][]byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		t.Fatal(err)
	}
	work, err := os.MkdirTemp(filepath.Dir(dir), "npm")
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
		if _, there := os.Stat(dir); there != nil { // otherwise another process was faster
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
