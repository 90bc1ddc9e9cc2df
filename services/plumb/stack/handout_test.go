package stack_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"plumbline.dev/bus/topology"
	"plumbline.dev/services/plumb/stack"
)

// Each role gets its own files, and no credentials of another role.
func TestEachPartyGetsItsOwnFilesOnly(t *testing.T) {
	dir := t.TempDir()
	f := stack.Files{Dir: dir, UID: -1, GID: -1}
	// An existing mount point keeps its mode.
	mount := filepath.Join(dir, stack.PartiesDir, "fetcher")
	if err := os.MkdirAll(mount, 0o700); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(mount)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Init(); err != nil {
		t.Fatal(err)
	}
	if after, err := os.Stat(mount); err != nil || !os.SameFile(before, after) {
		t.Errorf("the mount point was replaced: %v", err)
	}
	want := map[string][]string{
		"nats":       {"auth.conf"},
		"fetcher":    {"identity", "nats.creds"},
		"evaluator":  {"identity", "nats.creds"},
		"exchange":   {"identity", "nats.creds"},
		"gateway":    {"identity", "nats.creds", "session-key"},
		"api":        {"account-id", "bootstrap-token", "nats.creds", "seal-to", "seal-to-dispatcher", "seal-to-gateway"},
		"dispatcher": {"identity", "nats.creds"},
		"client":     {"account-id", "api-token"},
	}
	for _, role := range topology.Roles() {
		if role != topology.Follower && want[string(role)] == nil {
			want[string(role)] = []string{"nats.creds"}
		}
	}
	got := map[string][]string{}
	secrets := map[string]string{} // a secret's text, and who has it
	for name, text := range contents(t, filepath.Join(dir, stack.PartiesDir)) {
		party, file := filepath.Split(name)
		party = filepath.Clean(party)
		got[party] = append(got[party], file)
		if file == "nats.creds" || file == "identity" || file == "session-key" {
			if other, twice := secrets[text]; twice {
				t.Errorf("%s is the same as %s", name, other)
			}
			secrets[text] = name
		}
		if info, err := os.Stat(filepath.Join(dir, stack.PartiesDir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	for _, files := range got {
		slices.Sort(files)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("parties have (-want +got):\n%s", diff)
	}
	for name, text := range contents(t, filepath.Join(dir, "authority")) {
		for _, line := range strings.Split(text, `"`) {
			for secret, holder := range secrets {
				if len(line) > 40 && strings.Contains(secret, line) {
					t.Errorf("%s holds what is in the authority's %s", holder, name)
				}
			}
		}
	}
}
