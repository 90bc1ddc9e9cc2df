package docs

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"plumbline.dev/test/internal/stack"
)

// soon is how long a snippet may take.
const soon = time.Minute

// fixture is a directory in which snippets run, as a reader of the document has it: with ./plumb, and with the
// addresses of an installation of its own.
type fixture struct {
	dir     string
	plumb   *stack.Plumb
	replace []string // pairs, as for strings.NewReplacer
	env     []string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	dir := t.TempDir()
	p, err := stack.New("up", filepath.Join(dir, "plumb-data"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(stack.Binary(t, "plumb"), filepath.Join(dir, "plumb")); err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(p.Access)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{dir: dir, plumb: p}
	f.with("127.0.0.1:8400", p.API, "127.0.0.1:8401", p.Access, "127.0.0.1:4222", p.NATS, ":8401/", ":"+port+"/")
	f.env = []string{"PLUMB_API_ADDR=" + p.API, "PLUMB_ACCESS_ADDR=" + p.Access, "PLUMB_NATS_ADDR=" + p.NATS,
		"PLUMB_ADMIN_ADDR=" + p.Admin, "PLUMB_NATS_URL=nats://" + p.NATS, "PLUMB_URL=http://" + p.API,
		"PLUMB_TEAM_DOMAIN=" + p.Issuer(), "NO_PROXY=*"}
	return f
}

// with replaces words of snippets.
func (f *fixture) with(pairs ...string) { f.replace = append(f.replace, pairs...) }

// up starts the installation.
func (f *fixture) up(t *testing.T) {
	t.Helper()
	f.plumb.Start(t)
	f.plumb.AwaitReady(t)
}

// write makes a file beside ./plumb.
func (f *fixture) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(f.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// read returns such a file without blanks around it.
func (f *fixture) read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(f.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// adapted returns a snippet for the installation.
func (f *fixture) adapted(script string) string {
	return strings.NewReplacer(f.replace...).Replace(script)
}

// start starts a script in a process of its own.
func (f *fixture) start(t *testing.T, name, script string, env ...string) *stack.Process {
	t.Helper()
	return stack.Start(t,
		stack.Command{Name: name, Path: "bash", Args: []string{"-e", "-o", "pipefail", "-c", f.adapted(script)}, Dir: f.dir,
			Env: append(append([]string{}, f.env...), env...)})
}

// run runs a script to its end and returns its output. The script must succeed.
func (f *fixture) run(t *testing.T, name, script string, env ...string) string {
	t.Helper()
	p := f.start(t, name, script, env...)
	stack.Until(t, soon, name+" ends", func() error {
		if p.Running() {
			return errRuns
		}
		return nil
	})
	if p.ExitCode() != 0 {
		t.Fatalf("%s: exit code %d\n%s\n%s%s", name, p.ExitCode(), f.adapted(script), p.Output(), p.Log())
	}
	return p.Output()
}
