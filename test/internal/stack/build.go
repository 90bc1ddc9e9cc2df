package stack

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// NATSServer is the name of the NATS server's binary. Its version is the one the services are built with.
const NATSServer = "nats-server"

const natsServerPackage = "github.com/nats-io/nats-server/v2"

// Binary returns the path of a binary: one of services/cmd, or [NATSServer].
func Binary(t testing.TB, name string) string {
	t.Helper()
	path, err := Build(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var built sync.Map // name → func() (string, error)

// Build builds a binary, once per process, and returns its path. If the tests use the race detector, so does the
// binary. Concurrent test processes share the directory: one builds, the others wait and find the binary up to date.
func Build(name string) (string, error) {
	once, _ := built.LoadOrStore(name, sync.OnceValues(func() (string, error) { return build(name) }))
	return once.(func() (string, error))()
}

func build(name string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	dir, err := binDir(root)
	if err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(dir, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()

	path := filepath.Join(dir, name)
	module, pkg := filepath.Join(root, "services"), "./cmd/"+name
	if name == NATSServer {
		module, pkg = filepath.Join(root, "test"), natsServerPackage
	}
	args := []string{"build", "-o", path}
	if raceDetector && name != NATSServer {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, pkg)...)
	cmd.Dir = module
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("go build %s: %w\n%s", pkg, err, out.Bytes())
	}
	return path, nil
}

// binDir returns the directory for the binaries of this checkout. go build does not rebuild up-to-date binaries, so a
// second run of the tests links nothing.
func binDir(root string) (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		base = os.TempDir()
	}
	kind := "plain"
	if raceDetector {
		kind = "race"
	}
	sum := sha256.Sum256([]byte(root))
	dir := filepath.Join(base, "plumbline-test", fmt.Sprintf("%x-%s", sum[:6], kind))
	return dir, os.MkdirAll(dir, 0o700)
}

// Root returns the repository's directory.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for at := dir; ; {
		if _, err := os.Stat(filepath.Join(at, "go.work")); err == nil {
			return at, nil
		}
		up := filepath.Dir(at)
		if up == at {
			return "", fmt.Errorf("%s is not inside the repository", dir)
		}
		at = up
	}
}
