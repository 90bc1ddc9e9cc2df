package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	invariant = regexp.MustCompile(`(?m)^(\d+)\. `)
	invRow    = regexp.MustCompile("(?m)^\\| (\\d+) \\| `(Test\\w+)` \\| (\\S+) \\|$")
)

// TestInvariantsHaveTests parses the table of test/README.md: every invariant of bus/README.md has a test, and every
// named test exists.
func TestInvariantsHaveTests(t *testing.T) {
	_, stated, found := strings.Cut(read(t, "bus/README.md"), "\n## Invariants\n")
	if !found {
		t.Fatal("bus/README.md has no invariants")
	}
	stated, _, _ = strings.Cut(stated, "\n## ")
	missing := map[int]bool{}
	for _, m := range invariant.FindAllStringSubmatch(stated, -1) {
		n, err := strconv.Atoi(m[1])
		if err != nil || n != len(missing)+1 {
			t.Fatalf("the invariants are not numbered from 1: %s", m[0])
		}
		missing[n] = true
	}
	if len(missing) == 0 {
		t.Fatal("bus/README.md states no invariant")
	}
	known := len(missing)
	for _, row := range invRow.FindAllStringSubmatch(read(t, "test/README.md"), -1) {
		n, err := strconv.Atoi(row[1])
		if err != nil || n < 1 || n > known {
			t.Errorf("there is no invariant %s", row[1])
		}
		delete(missing, n)
		if !declares(t, row[3], row[2]) {
			t.Errorf("invariant %s: %s has no %s", row[1], row[3], row[2])
		}
	}
	for n := range missing {
		t.Errorf("no test is named for invariant %d", n)
	}
}

// declares reports whether a package has a test of a name.
func declares(t *testing.T, pkg, test string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root(t), pkg, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "\nfunc "+test+"(") {
			return true
		}
	}
	return false
}
