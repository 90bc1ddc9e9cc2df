package docs

import (
	"strings"
	"testing"
)

const signatures = "services/evaluator/README.md"

func TestTheLogVerifies(t *testing.T) {
	f := newFixture(t)
	f.up(t)
	f.pollOnce(t)
	out := f.run(t, "verify", text(t, signatures, "verify"))
	if !strings.Contains(out, "verified") || !strings.Contains(out, "failed") {
		t.Errorf("plumb verify shows %s", out)
	}
}
