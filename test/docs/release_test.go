package docs

import (
	"strings"
	"testing"
)

// TestInstallFromAnArchive runs the commands on an archive with the names and the layout of package release.
func TestInstallFromAnArchive(t *testing.T) {
	f := newFixture(t)
	f.run(t, "archive", `
mkdir -p dist plumb_1.2.3_linux_amd64
cp -L plumb plumb_1.2.3_linux_amd64/plumb
tar -czf dist/plumb_1.2.3_linux_amd64.tar.gz plumb_1.2.3_linux_amd64
cd dist && sha256sum plumb_1.2.3_linux_amd64.tar.gz > SHA256SUMS
`)
	out := f.run(t, "install", text(t, "services/plumb/README.md", "release"))
	for _, word := range []string{"plumb_1.2.3_linux_amd64.tar.gz: OK", "plumb ", "schemas: "} {
		if !strings.Contains(out, word) {
			t.Errorf("installing shows no %q:\n%s", word, out)
		}
	}
}
