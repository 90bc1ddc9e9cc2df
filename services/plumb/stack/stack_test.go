package stack_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/services/plumb/stack"
)

func TestInitMakesEverythingOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "stack")
	f := stack.Files{Dir: dir, UID: -1, GID: -1}
	if err := f.Init(); err != nil {
		t.Fatal(err)
	}
	first := contents(t, dir)
	if err := f.Init(); err != nil {
		t.Fatal(err)
	}
	again := contents(t, dir)
	// Claims are signed anew, with another id, by every start.
	conf := filepath.Join("nats", "auth.conf")
	for _, name := range []string{conf, filepath.Join(stack.PartiesDir, conf)} {
		delete(first, name)
		delete(again, name)
	}
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("a second run changed:\n%s", diff)
	}
	for _, name := range []string{"account-id", "api-token", "keys/fetcher.identity", "keys/fetcher.recipient",
		"keys/exchange.identity", "keys/evaluator.identity", "keys/gateway.identity", "session-key",
		"creds/fetcher.creds", "creds/operator.creds", "authority/authority.json"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
			continue
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
	if info, err := os.Stat(filepath.Join(dir, conf)); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("auth.conf: %v, %v", info, err)
	}
}

func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		all[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A NATS server with auth.conf accepts the credentials files, and provisioning works with them.
func TestTheFilesFitAServer(t *testing.T) {
	dir := t.TempDir()
	if err := (stack.Files{Dir: dir, UID: -1, GID: -1, Accounts: t.TempDir()}).Init(); err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(dir, "server.conf")
	text := fmt.Sprintf(
		"listen: \"127.0.0.1:-1\"\nserver_name: one\nmax_payload: %d\njetstream: {store_dir: %q}\n"+
			"include \"nats/auth.conf\"\n",
		topology.MaxPayload, t.TempDir())
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	options, err := server.ProcessConfigFile(conf)
	if err != nil {
		t.Fatal(err)
	}
	options.NoSigs, options.NoLog = true, true
	ns, err := server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	ns.Start()
	t.Cleanup(func() { ns.Shutdown(); ns.WaitForShutdown() })
	creds := func(role topology.Role) string { return filepath.Join(dir, "creds", string(role)+".creds") }
	servers := stack.Servers{URL: ns.ClientURL(), Creds: creds(topology.Operator),
		Options: topology.Options{LogMaxBytes: 1 << 30}}
	for range 2 {
		if err := servers.Provision(t.Context(), bustest.Log(t)); err != nil {
			t.Fatal(err)
		}
	}
	conn, err := bus.Connect(t.Context(),
		bus.Config{URL: ns.ClientURL(), Creds: creds(topology.Scheduler), Role: topology.Scheduler})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.AwaitTopology(t.Context(), topology.PostureTicks); err != nil {
		t.Error(err)
	}
	if _, err := bus.Connect(t.Context(), bus.Config{URL: ns.ClientURL(), Role: topology.Follower}); err == nil {
		t.Error("a server with this configuration let in a client without credentials")
	}
}
