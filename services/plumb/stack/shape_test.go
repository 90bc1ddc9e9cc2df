package stack_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"plumbline.dev/bus/creds"
	"plumbline.dev/services/plumb/stack"
)

// The stack refuses to start on volumes with streams in a place unknown to its NATS servers.
func TestInitRefusesTheStoreOfAnotherShape(t *testing.T) {
	for _, c := range []struct {
		name                       string
		streams, wasCluster, wants bool
		err                        string
	}{
		{"first start of one server", false, false, false, ""},
		{"first start of a cluster", false, false, true, ""},
		{"one server again", true, false, false, ""},
		{"a cluster again", true, true, true, ""},
		{"a cluster on one server's store", true, false, true, "single NATS server"},
		{"one server on a cluster's store", true, true, false, "NATS cluster"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			authority, err := creds.Open(filepath.Join(dir, "authority"))
			if err != nil {
				t.Fatal(err)
			}
			store := filepath.Join(dir, stack.StoreDir, "jetstream")
			if c.streams {
				make := filepath.Join(store, authority.AccountID, "streams", "POSTURE_LOG")
				if err := os.MkdirAll(make, 0o700); err != nil {
					t.Fatal(err)
				}
			}
			if c.wasCluster {
				if err := os.MkdirAll(filepath.Join(store, authority.SystemID, "_js_", "_meta_"), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			err = stack.Files{Dir: dir, UID: -1, GID: -1, Cluster: c.wants}.Init()
			if (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("Init: %v, want %q", err, c.err)
			}
		})
	}
}
