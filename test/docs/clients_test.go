//go:build clients

package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"plumbline.dev/test/internal/npm"
)

func TestScoringAPIInPython(t *testing.T) {
	file := filepath.Join(t.TempDir(), "scores.py")
	save(t, file, text(t, scoringAPI, "scorer-python"))
	scoring(t, []string{python(t, "jwt"), file})
}

func TestScoringAPIInJavaScript(t *testing.T) {
	file := filepath.Join(npm.Installed(t, "docs", "node"), "scores.mjs")
	save(t, file, text(t, scoringAPI, "scorer-javascript"))
	scoring(t, []string{"node", file})
}

func TestJavaScriptFollows(t *testing.T) {
	f := newFixture(t)
	f.up(t)
	file := filepath.Join(npm.Installed(t, "docs", "node"), "follow.mjs")
	save(t, file, f.withConsumer(t, "javascript", text(t, followers, "follow-javascript")))
	f.agrees(t, "exec node "+file)
}

// TestPythonFollows runs the Python snippet with nats-py if it is installed, otherwise with the stand-in in this
// folder, which implements the part used by the snippet.
func TestPythonFollows(t *testing.T) {
	f := newFixture(t)
	f.up(t)
	file := filepath.Join(t.TempDir(), "follow.py")
	save(t, file, f.withConsumer(t, "python", text(t, followers, "follow-python")))
	standIn, err := filepath.Abs("python")
	if err != nil {
		t.Fatal(err)
	}
	path := python(t, "msgpack", "cryptography")
	if exec.Command(path, "-c", "import nats").Run() == nil {
		standIn = ""
	}
	f.agrees(t, "exec "+path+" -u "+file, "PYTHONPATH="+standIn, "PYTHONDONTWRITEBYTECODE=1")
}

// TestShellFollows needs curl and jq.
func TestShellFollows(t *testing.T) {
	f := newFixture(t)
	f.up(t)
	f.agrees(t, text(t, followers, "follow-shell"))
}

// python returns a Python with some modules.
func python(t *testing.T, modules ...string) string {
	t.Helper()
	var said []byte
	for _, path := range []string{"python3", "/usr/bin/python3"} {
		missing := false
		for _, module := range modules {
			if out, err := exec.Command(path, "-c", "import "+module).CombinedOutput(); err != nil {
				missing, said = true, out
			}
		}
		if !missing {
			return path
		}
	}
	t.Fatalf("no Python has %q (Debian: python3-jwt, python3-cryptography, python3-msgpack): %s", modules, said)
	return ""
}

func save(t *testing.T, path, program string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestJavaScriptVerifies(t *testing.T) {
	f := newFixture(t)
	f.up(t)
	f.pollOnce(t)
	f.run(t, "verify", text(t, signatures, "verify"))
	file := filepath.Join(npm.Installed(t, "docs", "node"), "verify.mjs")
	save(t, file, f.withConsumer(t, "auditor", text(t, signatures, "verify-javascript")))
	out := f.run(t, "verify.mjs", "exec node "+file)
	if !strings.Contains(out, "1 pages, 0 entries failed") {
		t.Errorf("the program shows %s", out)
	}
}
