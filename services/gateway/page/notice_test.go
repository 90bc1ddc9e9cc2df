package page

import (
	"net/http"
	"strings"
	"testing"

	"plumbline.dev/services/internal/policy"
)

func TestNoticeEscapesWhatItShows(t *testing.T) {
	h, body := Tell(http.Header{}, &Notice{
		Title: "<script>alert(1)</script>", Texts: []string{`"><img src=x onerror=y>`},
		Links:  []Link{{Text: "<b>", URL: "javascript:alert(1)"}, {Text: "on", URL: "https://app.example.com/a?b=1&c=2"}},
		Onward: `https://app.example.com/"><script>`, Refused: true, Reason: policy.LoginFailed, Ray: "r", Application: "<i>",
	})
	page := string(body)
	for _, bad := range []string{"<script", "<img", "<b>", "<i>", "javascript:"} {
		if strings.Contains(page, bad) {
			t.Errorf("%q stands in the page:\n%s", bad, page)
		}
	}
	for _, want := range []string{`href="https://app.example.com/a?b=1&amp;c=2"`, "login_failed", `http-equiv="refresh"`} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is not in the page:\n%s", want, page)
		}
	}
	if csp := h.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") ||
		strings.Contains(csp, "unsafe") {
		t.Errorf("CSP %q", csp)
	}
}

func TestRefusedNoticeIsJSONWhereThatIsPreferred(t *testing.T) {
	h, body := Tell(http.Header{"Accept": {"application/json"}},
		&Notice{Title: "x", Refused: true, Reason: policy.NoProvider, Ray: "r"})
	if !strings.HasPrefix(h.Get("Content-Type"), "application/json") || !strings.Contains(string(body), `"no_provider"`) {
		t.Errorf("%v %s", h, body)
	}
	h, _ = Tell(http.Header{"Accept": {"application/json"}}, &Notice{Title: "Choose"})
	if !strings.HasPrefix(h.Get("Content-Type"), "text/html") {
		t.Errorf("a choice is %v", h)
	}
}
