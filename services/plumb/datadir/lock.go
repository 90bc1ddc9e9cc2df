package datadir

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/gofrs/flock"
)

// Lock creates the directory and locks it for this process until release is called or the process ends. Two servers
// must not use one store.
func (d Dir) Lock() (release func(), err error) {
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return nil, fmt.Errorf("data directory (--data): %w", err)
	}
	l := flock.New(d.path("lock"), flock.SetPermissions(0o600))
	locked, err := l.TryLock()
	switch {
	case err != nil:
		return nil, fmt.Errorf("data directory (--data): %w", err)
	case !locked:
		return nil, fmt.Errorf("data directory %s is in use by %s: stop it, or give another --data", string(d), d.holder())
	}
	// The content is for error messages only; the file lock decides.
	_ = os.WriteFile(d.path("lock.pid"), []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600)
	return func() { _ = l.Close() }, nil
}

// holder returns the process that holds the lock.
func (d Dir) holder() string {
	data, _ := os.ReadFile(d.path("lock.pid"))
	if pid, err := strconv.Atoi(strings.TrimSpace(string(data))); err == nil {
		return fmt.Sprintf("process %d", pid)
	}
	return "another process"
}
