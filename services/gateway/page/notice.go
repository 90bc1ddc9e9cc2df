package page

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
	"strconv"

	"plumbline.dev/services/internal/policy"
)

// Notice is a page on the way of a login or a logout: a choice, a word at the end, or why it goes no further.
type Notice struct {
	Title string
	Texts []string // paragraphs
	Links []Link
	// Onward is where the browser goes on to at once, by a navigation that this page's own site begins: that
	// is what cookies with SameSite=Strict ask for.
	Onward string
	// Refused tells that it goes no further, for the reason; the application and the ray are shown then.
	Refused     bool
	Reason      policy.Reason
	Application string
	Ray         string
	// Organization is its name; empty: not shown.
	Organization string
}

// Link is somewhere to go. Its URL is http or https, or a path.
type Link struct{ Text, URL string }

//go:embed notice.html
var noticeSource string

var notices = template.Must(template.New("notice").Parse(noticeSource))

// Tell writes a notice. A refusal is JSON where the request's Accept header prefers that.
func Tell(request http.Header, n *Notice) (http.Header, []byte) {
	if n.Refused && PrefersJSON(request) {
		return Refuse(request, &Refusal{Reason: n.Reason, Ray: n.Ray, Application: n.Application})
	}
	h := http.Header{
		"Cache-Control":           {NoStore},
		"Content-Security-Policy": {policyHeader},
		"Content-Type":            {"text/html; charset=utf-8"},
		"Referrer-Policy":         {"no-referrer"},
		"Vary":                    {"Accept"},
		"X-Content-Type-Options":  {"nosniff"},
		"X-Frame-Options":         {"DENY"},
	}
	if n.Ray != "" {
		h.Set("Cf-Ray", n.Ray)
	}
	var b bytes.Buffer
	if err := notices.Execute(&b, struct {
		*Notice
		Style template.CSS
	}{n, template.CSS(style)}); err != nil { //nolint:gosec // our own file
		// As in Refusal.html.
		b.Reset()
		b.WriteString(template.HTMLEscapeString(n.Title))
	}
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	return h, b.Bytes()
}
