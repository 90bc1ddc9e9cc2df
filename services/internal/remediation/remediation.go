// Package remediation renders the owner's advice for users with a device failing a check.
package remediation

import (
	"bytes"
	"html/template"
	"sync"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/util"
)

// markdown reads paragraphs, lists, code, emphasis and links. Other markup, and HTML, is text.
// Line breaks are kept, as authors of plain text expect.
var markdown = goldmark.New(goldmark.WithParser(parser.NewParser(
	parser.WithBlockParsers(
		util.Prioritized(parser.NewListParser(), 300),
		util.Prioritized(parser.NewListItemParser(), 400),
		util.Prioritized(parser.NewFencedCodeBlockParser(), 700),
		util.Prioritized(parser.NewParagraphParser(), 1000),
	),
	parser.WithInlineParsers(
		util.Prioritized(parser.NewCodeSpanParser(), 100),
		util.Prioritized(parser.NewLinkParser(), 200),
		util.Prioritized(parser.NewAutoLinkParser(), 300),
		util.Prioritized(parser.NewEmphasisParser(), 500),
	),
)), goldmark.WithRendererOptions(html.WithHardWraps()))

// allowed is the only HTML that a remediation becomes. It removes every other element and attribute, so a mistake in
// the Markdown renderer is no hole.
var allowed = func() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "ul", "ol", "li", "em", "strong", "code", "pre", "br")
	p.AllowAttrs("start").Matching(bluemonday.Integer).OnElements("ol")
	p.AllowAttrs("href").OnElements("a")
	p.AllowURLSchemes("http", "https", "mailto")
	p.RequireParseableURLs(true)
	p.AllowRelativeURLs(false)
	p.RequireNoReferrerOnLinks(true)
	p.AddTargetBlankToFullyQualifiedLinks(true) // with rel=noopener
	return p
}()

// maxRendered bounds the HTML of a remediation, in bytes. Text that renders to more is shown as it was written.
const maxRendered = 32 << 10

// advice keeps the HTML of texts, because a denial is answered many times and its text changes rarely.
var advice = struct {
	sync.Mutex
	html map[string]template.HTML
}{html: map[string]template.HTML{}}

// maxAdvice bounds the kept texts.
const maxAdvice = 256

// HTML returns the HTML of a text of a check for users, Markdown without HTML. Its links lead to http, https or mailto
// only. It is safe for concurrent use.
func HTML(text string) template.HTML {
	advice.Lock()
	known, found := advice.html[text]
	advice.Unlock()
	if found {
		return known
	}
	rendered := render(text)
	advice.Lock()
	defer advice.Unlock()
	if len(advice.html) >= maxAdvice {
		clear(advice.html)
	}
	advice.html[text] = rendered
	return rendered
}

func render(text string) template.HTML {
	if text == "" {
		return ""
	}
	var b bytes.Buffer
	if err := markdown.Convert([]byte(text), &b); err != nil || b.Len() > maxRendered {
		return template.HTML("<p>" + template.HTMLEscapeString(text) + "</p>") //nolint:gosec // escaped
	}
	return template.HTML(allowed.SanitizeBytes(b.Bytes())) //nolint:gosec // sanitized
}
