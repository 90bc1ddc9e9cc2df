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
	"plumbline.dev/services/internal/policy"
)

// Refusal is what there is to say to somebody who is not let in.
type Refusal struct {
	Status      int
	Reason      policy.Reason
	Ray         string // names the request here and in the log
	Application string // its name; empty where the request belongs to none
	Message     string // what the application's owner has to say (custom_deny_message); empty: nothing
	Person      string // who is logged in; empty: nobody
	Check       *Check // the posture check that stood in the way, if one did
	// At is the moment of the refusal.
	At           time.Time
	Organization string // its name; empty: not shown
	// Again is the URL of the request, to try it again; empty: none.
	Again string
	// Logout is a link for a person who may want to be somebody else; empty: none.
	Logout string
}

// Check is a posture check as the page shows it.
type Check struct {
	ID      string
	Name    string
	Outcome string // pass, fail or unknown
	Detail  string // why the outcome is what it is; empty where that is not known
	// Required is the score that passes, such as "at least 80", and Score that of the device; empty: not known.
	Required, Score string
	// DeviceUnknown is set if it is not known which device the request comes from.
	DeviceUnknown bool
	// LookedAt is when the device was last looked at; the zero time where it never was, or it is not known
	// which device it is.
	LookedAt time.Time
}

//go:embed page.html
var source string

//go:embed page.css
var style string

var (
	pages = template.Must(template.New("page").Parse(source))
	// policyHeader lets the page use its own style and nothing else.
	policyHeader = func() string {
		sum := sha256.Sum256([]byte(style))
		return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
			"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	}()
)

// NoStore is the Cache-Control of everything that depends on who asks (api/README.md 8.5).
const NoStore = "private, max-age=0, no-store, no-cache, must-revalidate"

// Refuse writes a refusal, as JSON where the request's Accept header prefers that, else as a page. The
// headers are complete but for those that say how to get in.
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
	}{Refusal: r, Style: template.CSS(style), Title: strconv.Itoa(r.Status) + " " + http.StatusText(r.Status)} //nolint:gosec // our own file
	if r.Check != nil && !r.Check.LookedAt.IsZero() {
		data.Seen = r.Check.LookedAt.UTC().Format("2 January 2006, 15:04:05 UTC")
		data.Ago = ago(r.At.Sub(r.Check.LookedAt))
	}
	if err := pages.Execute(&b, data); err != nil {
		// The template is ours and its data are texts: only a mistake in it ends here, which the tests see.
		return []byte(template.HTMLEscapeString(data.Title + ": " + r.Reason.Sentence()))
	}
	return b.Bytes()
}

// ago says how long a time is, in the largest unit that tells something.
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
		ID       string `json:"id"`
		Name     string `json:"name"`
		Outcome  string `json:"outcome"`
		Detail   string `json:"detail,omitzero"`
		Required string `json:"required,omitzero"`
		Score    string `json:"score,omitzero"`
		LookedAt string `json:"looked_at,omitzero"`
	}
	body := struct {
		Error       problem `json:"error"`
		Reason      string  `json:"reason"`
		Ray         string  `json:"ray"`
		Application string  `json:"application,omitzero"`
		Message     string  `json:"message,omitzero"`
		Check       *check  `json:"check,omitzero"`
	}{Error: problem{r.Reason.String(), r.Reason.Sentence()}, Reason: r.Reason.String(), Ray: r.Ray, Application: r.Application, Message: r.Message}
	if c := r.Check; c != nil {
		body.Check = &check{ID: c.ID, Name: c.Name, Outcome: c.Outcome, Detail: c.Detail, Required: c.Required, Score: c.Score}
		if !c.LookedAt.IsZero() {
			body.Check.LookedAt = c.LookedAt.UTC().Format(time.RFC3339Nano)
		}
	}
	b, err := json.Marshal(&body)
	if err != nil { // a name that is not UTF-8
		return []byte(`{"error":{"code":"` + r.Reason.String() + `"},"reason":"` + r.Reason.String() + `","ray":"` + r.Ray + `"}` + "\n")
	}
	return append(b, '\n')
}
