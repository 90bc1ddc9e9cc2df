package v7

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cloudflare/cloudflare-go/v7"
	"github.com/cloudflare/cloudflare-go/v7/option"
	"github.com/cloudflare/cloudflare-go/v7/zero_trust"
	"plumbline.dev/test/internal/stack"
	"plumbline.dev/test/sdk/world"
)

// readmeClient returns a client as the snippet of README.md makes it: with the address of a local plumb up.
func readmeClient(token string) *cloudflare.Client {
	client := cloudflare.NewClient(option.WithBaseURL("http://127.0.0.1:8400/client/v4"), option.WithAPIToken(token))
	return client
}

var sdkSnippet = regexp.MustCompile("<!-- test: sdk -->\n```go\n((?s:.*?))```")

// TestReadme compares the snippet of README.md with the source above, and calls the control plane with its client.
func TestReadme(t *testing.T) {
	root, err := stack.Root()
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("readme_test.go")
	if err != nil {
		t.Fatal(err)
	}
	snippet := sdkSnippet.FindStringSubmatch(string(readme))
	if snippet == nil {
		t.Fatal("README.md has no snippet for the SDK")
	}
	for line := range strings.Lines(snippet[1]) {
		if !strings.Contains(string(source), "\n\t"+line) {
			t.Errorf("%s is not compiled by this test", line)
		}
	}
	w, ctx := world.Start(t)
	tags, err := readmeClient(w.Token).ZeroTrust.Access.Tags.List(ctx,
		zero_trust.AccessTagListParams{AccountID: cloudflare.F(w.Account)},
		option.WithBaseURL(w.Base), option.WithHTTPClient(w.Only(t)))
	if err != nil || len(tags.Result) != 0 {
		t.Errorf("%+v, %v", tags, err)
	}
}
