package docs

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	section  = regexp.MustCompile(`(?m)^##+ (\d+(?:\.\d+)?) `)
	cited    = regexp.MustCompile(`api/README\.md (\d+\.\d+)`)
	alsoSeen = regexp.MustCompile(`^(?:,? and |, )(\d+\.\d+)`)
	comment  = regexp.MustCompile(`\n\s*// ?`)
)

// TestCitedSectionsExist checks that code cites existing sections of services/api/README.md, and no other contract.
func TestCitedSectionsExist(t *testing.T) {
	var sections []string
	for _, m := range section.FindAllStringSubmatch(read(t, "services/api/README.md"), -1) {
		sections = append(sections, m[1])
	}
	out, err := exec.Command("git", "-C", root(t), "grep", "-l", "-E", `api/README\.md|contract\.md|design\.md`, "--",
		"*.go").Output()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, name := range strings.Fields(string(out)) {
		if name == "test/docs/citations_test.go" {
			continue
		}
		code := comment.ReplaceAllString(read(t, name), " ")
		for _, missing := range []string{"contract.md", "design.md"} {
			if strings.Contains(code, missing) {
				t.Errorf("%s cites %s, which is not in the repository", name, missing)
			}
		}
		for _, at := range cited.FindAllStringSubmatchIndex(code, -1) {
			numbers := []string{code[at[2]:at[3]]}
			if m := alsoSeen.FindStringSubmatch(code[at[1]:]); m != nil {
				numbers = append(numbers, m[1])
			}
			for _, n := range numbers {
				found++
				if !slices.Contains(sections, n) {
					t.Errorf("%s cites section %s of services/api/README.md, which has %q", name, n, sections)
				}
			}
		}
	}
	if found == 0 {
		t.Error("no citation was found")
	}
}
