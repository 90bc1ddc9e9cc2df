package embed_test

import (
	"os"
	"path/filepath"
	"testing"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
)

// login connects over the network with a credentials file, as another system does.
func login(t *testing.T, addr string, file []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "follower.creds")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := bus.Connect(t.Context(), bus.Config{URL: "nats://" + addr, Creds: path, Role: topology.Follower})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Ready(t.Context()); err != nil {
		t.Error(err)
	}
}
