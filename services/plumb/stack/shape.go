package stack

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// StoreDir is the mount point, below Files.Dir, of the volume of the stack's first NATS server.
const StoreDir = "nats-store"

// checkShape returns an error if the store of the first NATS server was written by a single server and the stack is to
// run as a cluster, or the reverse. Such a server starts without its streams, and the account would look empty.
func checkShape(dir, account, system string, cluster bool) error {
	store := filepath.Join(dir, StoreDir, "jetstream")
	streams, err := os.ReadDir(filepath.Join(store, account, "streams"))
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(streams) == 0 {
		return nil // the first start
	}
	if err != nil {
		return fmt.Errorf("NATS store: %w", err)
	}
	// A server of a cluster keeps the placement of streams here.
	_, err = os.Stat(filepath.Join(store, system, "_js_", "_meta_"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("NATS store: %w", err)
	}
	switch clustered := err == nil; {
	case cluster && !clustered:
		return errors.New(
			"the volume nats-store is that of a single NATS server, and the streams in it would not be found by a cluster: " +
				"start without compose.cluster.yaml, or move the data as deploy/README.md says (\"From one server to three\")")
	case !cluster && clustered:
		return errors.New(
			"the volume nats-store is that of a NATS cluster, and the streams in it would not be found by a single server: " +
				"start with compose.cluster.yaml")
	}
	return nil
}
