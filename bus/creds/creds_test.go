package creds_test

import (
	"os"
	"path/filepath"
	"testing"

	"plumbline.dev/bus/creds"
	"plumbline.dev/bus/topology"
)

func TestAFileIsUpToDateForItsRoleAndItsAuthorityOnly(t *testing.T) {
	a, err := creds.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, role := range topology.Roles() {
		file, err := a.File(role)
		if err != nil {
			t.Fatal(err)
		}
		if !a.UpToDate(file, role) {
			t.Errorf("a new file of %s is not up to date", role)
		}
		if other := topology.Follower; role != other && a.UpToDate(file, other) {
			t.Errorf("the file of %s passes for one of %s", role, other)
		}
	}
	file, err := a.File(topology.Follower)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := creds.New()
	if err != nil {
		t.Fatal(err)
	}
	if stranger.UpToDate(file, topology.Follower) || a.UpToDate([]byte("nothing"), topology.Follower) {
		t.Error("a file of another authority, or none, is up to date")
	}
}

func TestAnAuthorityIsKept(t *testing.T) {
	dir := t.TempDir()
	first, err := creds.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	second, err := creds.Open(dir)
	if err != nil || second.AccountID != first.AccountID {
		t.Fatalf("another account after a restart: %v", err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	if info, err := os.Stat(files[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}
