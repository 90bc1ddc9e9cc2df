package page

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
	"strconv"

	"plumbline.dev/services/internal/policy"
)

// Notice is a page during a login or a logout: a choice, a confirmation or an error.
type Notice struct {
	Title string
	Texts []string // paragraphs
	Links []Link
	// Onward is the URL that the browser loads at once, by a navigation from this page's own site, as cookies with
	// SameSite=Strict require.
	Onward string
	// Refused reports that the login failed for the reason. The page then shows the application and the request id.
	Refused     bool
	Reason      policy.Reason
	Application string
	Ray         string
	// Organization is its name; empty: not shown.
	Organization string
}

// Link is a link on a page. Its URL is http or https, or a path.
type Link struct{ Text, URL string }

//go:embed notice.html
var noticeSource string

var notices = template.Must(template.New("notice").Parse(noticeSource))

// Tell renders a notice. A refusal is JSON if the request's Accept header prefers it.
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
