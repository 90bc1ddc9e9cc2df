package page

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"plumbline.dev/services/internal/look"
	"plumbline.dev/services/internal/policy"
	"plumbline.dev/services/internal/remediation"
)

// Refusal is the content of a page or a JSON object for a denied request.
type Refusal struct {
	Status      int
	Reason      policy.Reason
	Ray         string // the request id, as in the log
	Application string // its name; empty if the request belongs to no application
	Message     string // the owner's own message (custom_deny_message); empty: none
	Person      string // the logged-in person; empty: none
	Check       *Check // the posture check that blocked the request, or nil
	// At is the time of the refusal.
	At           time.Time
	Organization string // its name; empty: not shown
	// Again is the URL of the request, for another attempt; empty: none.
	Again string
	// Logout is the link for logging in as another person; empty: none.
	Logout string
}

// Check is a posture check as shown on a page.
type Check struct {
	ID      string
	Name    string
	Outcome string // pass, fail or unknown
	Detail  string // the reason for the outcome; empty if it is not known
	// Required is the passing score, such as "at least 80", and Score the device's score; empty: unknown.
	Required, Score string
	// DeviceUnknown reports that the device behind the request is not known.
	DeviceUnknown bool
	// LookedAt is the time of the device's newest poll; zero if there is none or the device is not known.
	LookedAt time.Time
	// Remediation is the owner's advice for users with a failing device, in Markdown; empty: none.
	Remediation string
}

//go:embed page.html
var source string

//go:embed page.css
var rules string

var (
	style = look.Tokens + rules
	pages = template.Must(template.New("page").Parse(source))
	// policyHeader allows the page's own style and nothing else.
	policyHeader = func() string {
		sum := sha256.Sum256([]byte(style))
		return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
			"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	}()
)

// NoStore is the Cache-Control of every response that depends on the client (api/README.md 8.5).
const NoStore = "private, max-age=0, no-store, no-cache, must-revalidate"

// Refuse renders a refusal, as JSON if the request's Accept header prefers it, otherwise as a page. The headers are
// complete except for those about authentication.
func Refuse(request http.Header, r *Refusal) (http.Header, []byte) {
	h := http.Header{
		"Cache-Control":          {NoStore},
		"Cf-Ray":                 {r.Ray},
		"Vary":                   {"Accept"},
		"X-Content-Type-Options": {"nosniff"},
		"Referrer-Policy":        {"no-referrer"},
	}
	var body []byte
	if PrefersJSON(request) {
		h.Set("Content-Type", "application/json; charset=utf-8")
		body = r.json()
	} else {
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", policyHeader)
		body = r.html()
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	return h, body
}

func (r *Refusal) html() []byte {
	var b bytes.Buffer
	data := struct {
		*Refusal
		Style     template.CSS
		Title     string
		Ago, Seen string
		Advice    template.HTML
	}{
		Refusal: r, Title: strconv.Itoa(r.Status) + " " + http.StatusText(r.Status),
		Style: template.CSS(style), //nolint:gosec // our own file
	}
	if r.Check != nil {
		data.Advice = remediation.HTML(r.Check.Remediation)
	}
	if r.Check != nil && !r.Check.LookedAt.IsZero() {
		data.Seen = r.Check.LookedAt.UTC().Format("2 January 2006, 15:04:05 UTC")
		data.Ago = ago(r.At.Sub(r.Check.LookedAt))
	}
	if err := pages.Execute(&b, data); err != nil {
		// Only a mistake in our own template leads here, and the tests would find it.
		return []byte(template.HTMLEscapeString(data.Title + ": " + r.Reason.Sentence()))
	}
	return b.Bytes()
}

// ago formats an age in the largest suitable unit.
func ago(d time.Duration) string {
	for _, unit := range []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		if n := int(d / unit.size); n >= 2 || n == 1 && unit.size == time.Second {
			return strconv.Itoa(n) + " " + unit.name + map[bool]string{true: "s"}[n > 1] + " ago"
		}
	}
	return "just now"
}

func (r *Refusal) json() []byte {
	type problem struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	type check struct {
		ID          string `json:"id"`
		Name        string `json:"name"`
		Outcome     string `json:"outcome"`
		Detail      string `json:"detail,omitzero"`
		Required    string `json:"required,omitzero"`
		Score       string `json:"score,omitzero"`
		LookedAt    string `json:"looked_at,omitzero"`
		Remediation string `json:"remediation,omitzero"`
	}
	body := struct {
		Error       problem `json:"error"`
		Reason      string  `json:"reason"`
		Ray         string  `json:"ray"`
		Application string  `json:"application,omitzero"`
		Message     string  `json:"message,omitzero"`
		Check       *check  `json:"check,omitzero"`
	}{Error: problem{r.Reason.String(), r.Reason.Sentence()}, Reason: r.Reason.String(), Ray: r.Ray,
		Application: r.Application, Message: r.Message}
	if c := r.Check; c != nil {
		body.Check = &check{ID: c.ID, Name: c.Name, Outcome: c.Outcome, Detail: c.Detail, Required: c.Required,
			Score: c.Score, Remediation: c.Remediation}
		if !c.LookedAt.IsZero() {
			body.Check.LookedAt = c.LookedAt.UTC().Format(time.RFC3339Nano)
		}
	}
	b, err := json.Marshal(&body)
	if err != nil { // a name that is not valid UTF-8
		return []byte(`{"error":{"code":"` + r.Reason.String() + `"},"reason":"` + r.Reason.String() + `","ray":"` + r.Ray +
			`"}` + "\n")
	}
	return append(b, '\n')
}
