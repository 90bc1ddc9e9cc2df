package contexts_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"plumbline.dev/services/plumb/contexts"
)

func TestFileIsKeptAsItIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plumb", "contexts.yaml")
	f, err := contexts.Load(path)
	if err != nil || len(f.Contexts) != 0 {
		t.Fatalf("%v, %v", f, err)
	}
	for name, c := range map[string]contexts.Context{"a": {URL: "http://h", Account: "1", Token: "0123"},
		"b.c-d": {URL: "http://i", TokenFile: "/t"}} {
		if err := f.Add(name, c); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Use("b.c-d"); err != nil {
		t.Fatal(err)
	}
	if err := f.Save(path); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	again, err := contexts.Load(path)
	if diff := cmp.Diff(f, again); diff != "" || err != nil {
		t.Errorf("%s, %v", diff, err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := contexts.Load(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("others can read it: %v", err)
	}
}

func TestWhatIsNoContextIsRefused(t *testing.T) {
	f := &contexts.File{Contexts: map[string]contexts.Context{}}
	for _, name := range []string{"", ".a", "a b", "a/b", strings.Repeat("a", 65)} {
		if f.Add(name, contexts.Context{}) == nil {
			t.Errorf("%q", name)
		}
	}
	if f.Add("a", contexts.Context{Token: "x", TokenFile: "y"}) == nil {
		t.Error("two tokens")
	}
	var missing *contexts.NotFoundError
	if err := f.Remove("a"); !errors.As(err, &missing) {
		t.Error(err)
	}
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("contexts: {a: {uri: x}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := contexts.Load(path); err == nil {
		t.Error("a member that is not known")
	}
}
