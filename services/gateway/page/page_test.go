package page

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"plumbline.dev/services/internal/policy"
)

func TestPrefersJSON(t *testing.T) {
	for accept, want := range map[string]bool{
		"": false, "*/*": false, "application/json": true, "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": false,
		"application/json, text/plain, */*": true, "text/html;q=0.5, application/json": true, "application/json;q=0.5, text/html": false,
		"application/problem+json": true, "application/json;q=0": false, "application/json;q=x": false, "application/json;;": false,
		"APPLICATION/JSON": true,
	} {
		h := http.Header{}
		if accept != "" {
			h.Set("Accept", accept)
		}
		if PrefersJSON(h) != want {
			t.Errorf("%q prefers JSON: %v", accept, !want)
		}
	}
}

var refusal = Refusal{
	Status: 403, Reason: policy.PostureFailed, Ray: "0123456789abcdef", Application: "Pay<b>roll",
	Message: "Ask <script>alert(1)</script>", Person: "ada@example.com", Logout: "/cdn-cgi/access/logout",
	At: time.Date(2026, 11, 21, 12, 0, 30, 0, time.UTC), Check: &Check{ID: "11111111-1111-4111-8111-111111111111",
		Name: `Score "at least" 80`, Outcome: "fail", LookedAt: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)},
}

func TestPage(t *testing.T) {
	h, body := Refuse(http.Header{}, &refusal)
	for _, want := range []string{"403 Forbidden", "posture_failed", "0123456789abcdef", "Pay&lt;b&gt;roll",
		"ada@example.com", "Score &#34;at least&#34; 80", "30 seconds ago", "21 November 2026, 12:00:00 UTC",
		`href="/cdn-cgi/access/logout"`} {
		if !strings.Contains(string(body), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(string(body), "<script") {
		t.Error("what an owner wrote became markup")
	}
	styled := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindSubmatch(body)
	sum := sha256.Sum256(styled[1])
	if csp := h.Get("Content-Security-Policy"); !strings.Contains(csp, base64.StdEncoding.EncodeToString(sum[:])) ||
		!strings.HasPrefix(csp, "default-src 'none'") {
		t.Errorf("policy %s does not let the page use its style", csp)
	}
	if bytes.Contains(body, []byte("http://")) || bytes.Contains(body, []byte("https://")) {
		t.Error("the page names something elsewhere")
	}
	if h.Get("Cache-Control") != NoStore || h.Get("Cf-Ray") != refusal.Ray {
		t.Errorf("headers %v", h)
	}
}

func TestJSON(t *testing.T) {
	h, body := Refuse(http.Header{"Accept": {"application/json"}}, &refusal)
	var got struct {
		Error  struct{ Code, Message string }
		Reason string
		Ray    string
		Check  struct {
			ID, Name, Outcome string
			LookedAt          time.Time `json:"looked_at"`
		}
	}
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	if got.Error.Code != "posture_failed" || got.Reason != got.Error.Code || got.Ray != refusal.Ray ||
		got.Check.Name != refusal.Check.Name ||
		!got.Check.LookedAt.Equal(refusal.Check.LookedAt) || h.Get("Content-Type") != "application/json; charset=utf-8" {
		t.Errorf("answer %s with %v", body, h)
	}
	if _, body := Refuse(http.Header{"Accept": {"application/json"}},
		&Refusal{Status: 404, Reason: policy.UnknownHost}); bytes.Contains(body, []byte("check")) {
		t.Errorf("an answer without a check has one: %s", body)
	}
}

func TestAgo(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "just now", time.Second: "1 second ago",
		90 * time.Second: "90 seconds ago", 3 * time.Minute: "3 minutes ago", 50 * time.Hour: "2 days ago",
		-time.Second: "just now"} {
		if got := ago(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

// The page's text about a check, the device and the next step.
func TestPageOfAScore(t *testing.T) {
	r := refusal
	check := *r.Check
	r.Check, r.Organization, r.Again = &check, "Example Ltd", "/reports?x=1&y=2"
	check.Required, check.Score = "at least 80", "35"
	_, body := Refuse(http.Header{}, &r)
	for _, want := range []string{`id="required">at least 80<`, `id="score">35<`, `class="org">Example Ltd<`,
		`href="/reports?x=1&amp;y=2">Try again<`} {
		if !strings.Contains(string(body), want) {
			t.Errorf("the page lacks %q:\n%s", want, body)
		}
	}
	check.LookedAt = time.Time{}
	if _, body = Refuse(http.Header{}, &r); !strings.Contains(string(body), "has not been checked yet") {
		t.Errorf("a device that was never polled: %s", body)
	}
	check.DeviceUnknown = true
	if _, body = Refuse(http.Header{}, &r); !strings.Contains(string(body), "cannot tell which device") ||
		strings.Contains(string(body), "checked yet") {
		t.Errorf("an unknown device: %s", body)
	}
}
