package page

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// The page shows the advice, with a policy that forbids scripts, and the JSON object has it as it was written.
func TestPageWithRemediation(t *testing.T) {
	r := refusal
	check := *r.Check
	r.Check = &check
	if _, body := Refuse(http.Header{}, &r); strings.Contains(string(body), `id="remediation"`) {
		t.Errorf("advice that nobody wrote:\n%s", body)
	}
	check.Remediation = "Start the **agent**, then [call IT](https://it.example.com).<script>x</script>"
	h, body := Refuse(http.Header{}, &r)
	for _, want := range []string{`<div id="remediation" class="advice">`, "<strong>agent</strong>",
		`href="https://it.example.com"`, "&lt;script&gt;x&lt;/script&gt;"} {
		if !strings.Contains(string(body), want) {
			t.Errorf("the page lacks %q:\n%s", want, body)
		}
	}
	if csp := h.Get("Content-Security-Policy"); strings.Contains(csp, "unsafe") || strings.Contains(csp, "script-src") {
		t.Errorf("policy %s", csp)
	}
	_, body = Refuse(http.Header{"Accept": {"application/json"}}, &r)
	var got struct{ Check struct{ Remediation string } }
	if err := json.Unmarshal(body, &got); err != nil || got.Check.Remediation != check.Remediation {
		t.Errorf("%s, %v", body, err)
	}
}
