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
	// Without the keys nothing is genuine, and the exit code says so.
	out = f.run(t, "verify without keys", `
echo '{"keys":[]}' > entry-keys.json
code=0
./plumb verify --keys entry-keys.json --nats-url nats://127.0.0.1:4222 || code=$?
echo "exit code $code"`)
	if !strings.Contains(out, "exit code 1") || !strings.Contains(out, "not among the public keys") {
		t.Errorf("plumb verify without the keys shows %s", out)
	}
}
