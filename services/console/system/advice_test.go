package system

import (
	"os"
	"strings"
	"testing"

	"plumbline.dev/services/plumb/client"
)

// Each advice says what to do, and names a section that the guide has.
func TestAdvice(t *testing.T) {
	guide, err := os.ReadFile("../../../deploy/README.md")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]advice{"fetcher_late": newProblem(client.SystemFault{Code: "fetcher_late"}).advice}
	for code, a := range advices {
		all[code] = a
	}
	for code, a := range all {
		if a.Do == "" || strings.Contains(a.Command, "SERVICE") {
			t.Errorf("%s: %+v", code, a)
		}
		if a.Doc != "" && !strings.Contains(string(guide), "\n## "+a.Doc+"\n") {
			t.Errorf("%s: the guide has no section %q", code, a.Doc)
		}
	}
}
