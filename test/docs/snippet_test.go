package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"plumbline.dev/test/internal/stack"
)

// documents are those with snippets, by their paths in the repository.
var documents = []string{
	"README.md", "deploy/guides/scoring-api.md", "deploy/guides/from-cloudflare.md",
	"deploy/guides/enforcement.md", "bus/README.md", "deploy/README.md",
	"deploy/UPGRADING.md", "services/README.md", "services/evaluator/README.md", "services/api/README.md",
	"services/api/COMPATIBILITY.md",
	"services/gateway/README.md", "services/plumb/README.md", "test/README.md",
	".github/CONTRIBUTING.md", ".github/SECURITY.md",
}

// tested are the snippets run by tests, by document.
var tested = map[string][]string{
	"README.md":                        {"demo", "all", "build", "use", "follow", "sdk"},
	"deploy/guides/scoring-api.md":     {"scorer-go", "scorer-python", "scorer-javascript", "connect", "integrate"},
	"deploy/guides/from-cloudflare.md": {"import", "import-state", "move", "curl"},
	"bus/README.md": {"follower", "stack", "follow-go", "go.mod", "results-token", "follow-nats-go", "follow-python",
		"follow-javascript", "follow-shell"},
	"deploy/README.md":             {"stack"},
	"services/api/README.md":       {"calls"},
	"services/evaluator/README.md": {"verify", "verify-javascript"},
	"services/gateway/README.md":   {"guard", "people"},
	"services/plumb/README.md":     {"build", "release", "apply"},
}

// snippet is one block of a document.
type snippet struct{ name, language, text string }

var block = regexp.MustCompile("(?ms)(?:^<!-- test: ([a-z.-]+) -->\n)?^```([a-z]*)\n(.*?)^```$")

// snippets returns the blocks of a document, in its order.
func snippets(t *testing.T, document string) []snippet {
	t.Helper()
	var all []snippet
	for _, m := range block.FindAllStringSubmatch(read(t, document), -1) {
		all = append(all, snippet{name: m[1], language: m[2], text: m[3]})
	}
	return all
}

// text returns the only snippet of a name.
func text(t *testing.T, document, name string) string {
	t.Helper()
	var found []string
	for _, s := range snippets(t, document) {
		if s.name == name {
			found = append(found, s.text)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%s has %d snippets named %s", document, len(found), name)
	}
	return found[0]
}

func read(t *testing.T, document string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root(t), document))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := stack.Root()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestEverySnippetHasATest(t *testing.T) {
	runs := regexp.MustCompile(`(?:^|_)(sh|go|python|js)$`)
	for _, document := range documents {
		known := map[string]bool{}
		for _, name := range tested[document] {
			known[name] = false
		}
		for _, s := range snippets(t, document) {
			if _, ok := known[s.name]; s.name != "" && !ok {
				t.Errorf("%s: no test runs the snippet %s", document, s.name)
			}
			if s.name == "" && runs.MatchString(s.language) {
				t.Errorf("%s: a block of %s has no <!-- test: NAME --> before it:\n%s", document, s.language, s.text)
			}
			known[s.name] = true
		}
		for name, found := range known {
			if !found {
				t.Errorf("%s: there is no snippet %s", document, name)
			}
		}
	}
}

// link is a link of Markdown to a file of the repository.
var link = regexp.MustCompile(`\]\(([^)#:]*)(#[^)]*)?\)`)

func TestLinksLeadSomewhere(t *testing.T) {
	for _, document := range documents {
		for _, m := range link.FindAllStringSubmatch(block.ReplaceAllString(read(t, document), ""), -1) {
			target := filepath.Clean(filepath.Join(filepath.Dir(document), m[1]))
			if m[1] == "" {
				target = document
			}
			if _, err := os.Stat(filepath.Join(root(t), target)); err != nil {
				t.Errorf("%s: %v", document, err)
				continue
			}
			if m[2] != "" && !anchors(read(t, target))[m[2]] {
				t.Errorf("%s: %s has no heading for %s", document, target, m[2])
			}
		}
	}
}

// path is a path of the repository in the text of a document.
var path = regexp.MustCompile("`((?:\\.github|bus|deploy|docs|proto|services|test)/[a-zA-Z0-9_./-]+)`")

func TestPathsInDocumentsExist(t *testing.T) {
	for _, document := range documents {
		for _, m := range path.FindAllStringSubmatch(read(t, document), -1) {
			if _, err := os.Stat(filepath.Join(root(t), m[1])); err != nil {
				t.Errorf("%s: %v", document, err)
			}
		}
	}
}

var (
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	dropped = regexp.MustCompile("[^a-z0-9 _-]")
)

// anchors returns the anchors of a document's headings.
func anchors(text string) map[string]bool {
	all := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		all["#"+strings.ReplaceAll(dropped.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")] = true
	}
	return all
}
