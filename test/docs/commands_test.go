package docs

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"plumbline.dev/test/internal/stack"
)

var errRuns = errors.New("it still runs")

// missing is the error of output without a word.
type missing struct{ word, output string }

func (m *missing) Error() string { return fmt.Sprintf("no %q in %s", m.word, m.output) }

const fleet = `device_id,email,serial_number,mac_address,virtual_ipv4,hostname
11111111-1111-4111-8111-111111111111,ada@example.com,C02A,,100.64.0.1,ada
22222222-2222-4222-8222-222222222222,bob@example.com,C02B,,100.64.0.2,bob
`

// goRun is the package of a go run, or of a go build.
var goRun = regexp.MustCompile(`^go (?:run|build -o plumb) (\./\S+)`)

// TestThePackagesOfTheCommandsExist checks the commands that other tests run: the demo (package e2e), all tests, and
// the build (package stack).
func TestThePackagesOfTheCommandsExist(t *testing.T) {
	for _, document := range documents {
		for _, s := range snippets(t, document) {
			switch s.name {
			case "demo", "build":
				m := goRun.FindStringSubmatch(s.text)
				if m == nil {
					t.Fatalf("%s: %s is no command of go: %s", document, s.name, s.text)
				}
				s.text = "go list " + m[1]
			case "all":
				s.text = strings.Replace(s.text, "go test", "go list", 1)
			default:
				continue
			}
			cmd := exec.Command("bash", "-ec", s.text)
			cmd.Dir = root(t)
			if out, err := cmd.CombinedOutput(); err != nil ||
				!strings.Contains(string(out), "plumbline.dev/services/cmd/plumb\n") {
				t.Errorf("%s: %s: %v %s", document, s.text, err, out)
			}
		}
	}
}

var (
	composeFile    = regexp.MustCompile(`-f (\S+)`)
	composeService = regexp.MustCompile(`(?:--scale |run --rm (?:-T )?)([a-z]+)`)
)

// TestTheStackOfTheDocuments checks the files and services in the commands run by package compose.
func TestTheStackOfTheDocuments(t *testing.T) {
	for _, document := range documents {
		for _, s := range snippets(t, document) {
			if s.name != "stack" {
				continue
			}
			for _, m := range composeFile.FindAllStringSubmatch(s.text, -1) {
				read(t, m[1])
			}
			for _, m := range composeService.FindAllStringSubmatch(s.text, -1) {
				if !strings.Contains(read(t, "deploy/compose.yaml"), "\n  "+m[1]+":\n") {
					t.Errorf("%s: the stack has no service %s", document, m[1])
				}
			}
		}
	}
}

// TestUse runs the README's commands, then those of the pages about the bus, the gateway and files, on one
// installation.
func TestUse(t *testing.T) {
	f := newFixture(t)
	scores := httptest.NewServer(http.HandlerFunc(answer))
	t.Cleanup(scores.Close)
	host := strings.TrimPrefix(scores.URL, "http://")
	f.with("https://scores.example.com/", scores.URL+"/", "scores.example.com", host, "http://127.0.0.1:3000",
		stack.NewOrigin(t, nil).URL)
	f.write(t, "fleet.csv", fleet)

	const begin = "./plumb up &\n"
	use, found := strings.CutPrefix(text(t, "README.md", "use"), begin)
	if !found {
		t.Fatalf("the README's commands do not begin with %s", begin)
	}
	f.start(t, "plumb up", "exec ./plumb up")
	out := f.run(t, "use", use)
	for _, word := range []string{"healthy", "pass", "EDR"} {
		if !strings.Contains(out, word) {
			t.Errorf("the README's commands do not show %s:\n%s", word, out)
		}
	}
	f.follow(t)
	f.run(t, "follower", text(t, "bus/README.md", "follower"))
	if out := f.run(t, "calls", text(t, "services/api/README.md", "calls")); strings.Count(out, `"success":true`) != 4 {
		t.Errorf("the calls of services/api/README.md are answered with %s", out)
	}
	f.gateway(t)
}

// follow checks that the first line of the snippet shows changes. The second is about the gateway.
func (f *fixture) follow(t *testing.T) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(text(t, "README.md", "follow")), "\n")
	if len(lines) != 2 {
		t.Fatalf("the README follows %q", lines)
	}
	results := f.start(t, "results", "exec "+lines[0])
	stack.Until(t, soon, "a change of the check is shown", func() error {
		for _, score := range []string{"90", "60"} { // a change before the stream is open is not shown
			f.run(t, "edit", "./plumb check edit healthy --score "+score)
		}
		if !strings.Contains(results.Output(), "healthy") {
			return &missing{"healthy", results.Log()}
		}
		return nil
	})
	results.Kill()
}

// answer is a scoring API.
func answer(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Cf-Access-Jwt-Assertion") == "" {
		http.Error(w, "no application token", http.StatusForbidden)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(w, `{"result":{"11111111-1111-4111-8111-111111111111":{"s2s_id":"","score":80},`+
		`"22222222-2222-4222-8222-222222222222":{"s2s_id":"","score":20}}}`)
}

// build compiles a program of a document inside a module, for the module's dependencies.
func build(t *testing.T, module, program string) (path string) {
	t.Helper()
	dir := t.TempDir()
	source := filepath.Join(dir, "main.go")
	if err := os.WriteFile(source, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, "program")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", path, source)
	cmd.Dir = filepath.Join(root(t), module)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, program)
	}
	return path
}
