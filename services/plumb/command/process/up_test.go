package process

import (
	"bytes"
	"strings"
	"testing"

	"plumbline.dev/services/plumb"
)

// The console's link is printed wherever the output goes: it works once. A new API token is for a terminal only.
func TestTheConsolesLinkIsAlwaysPrinted(t *testing.T) {
	i := plumb.Installation{Token: "the-token", TokenMade: true, TokenKept: true, ConsoleURL: "http://127.0.0.1:8403",
		LoginURL: "http://127.0.0.1:8403/login/link?code=abc"}
	for _, terminal := range []bool{true, false} {
		var out bytes.Buffer
		greet(&out, terminal, i)
		want := "  console          " + i.LoginURL + " (works once, for 15 minutes)\n"
		if !strings.Contains(out.String(), want) {
			t.Errorf("terminal: %v: %q is not in\n%s", terminal, want, out.String())
		}
		if strings.Contains(out.String(), i.Token) != terminal {
			t.Errorf("terminal: %v: the API token in\n%s", terminal, out.String())
		}
	}
	i.ConsoleURL, i.LoginURL = "", ""
	var out bytes.Buffer
	if greet(&out, true, i); strings.Contains(out.String(), "console") {
		t.Errorf("without a console: %s", out.String())
	}
}
