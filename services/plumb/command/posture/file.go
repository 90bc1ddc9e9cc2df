package posture

import (
	"fmt"
	"os"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/document"
)

// readFile reads a resource as the API shows it, or a document of the kind, without its id. The path - stands for
// standard input.
func readFile(t *cli.Terminal, path string, kind client.Kind) (map[string]any, error) {
	in := t.In
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	body, err := document.Object(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if spec, ok := body["spec"].(map[string]any); ok && body["kind"] == string(kind) {
		body = spec
	}
	delete(body, "id")
	return body, nil
}
