package evaluator_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Invariant 8: only the evaluator and plumb link the package to open the keys that sign entries. plumb is all services
// in one.
func TestOnlyTheEvaluatorLinksTheKeysOfEntries(t *testing.T) {
	const signing = "plumbline.dev/services/evaluator/signing"
	mains, err := filepath.Glob("../cmd/*/main.go")
	if err != nil {
		t.Fatal(err)
	}
	var linked []string
	for _, main := range mains {
		dir := filepath.Dir(main)
		out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "./"+dir).CombinedOutput()
		if err != nil {
			t.Fatalf("go list -deps %s: %v\n%s", dir, err, out)
		}
		if strings.Contains("\n"+string(out), "\n"+signing+"\n") {
			linked = append(linked, filepath.Base(dir))
		}
	}
	if got := strings.Join(linked, " "); got != "evaluator plumb" {
		t.Errorf("%s is linked by %q", signing, got)
	}
}
