package consoletest

import (
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// Page is a response of the console.
type Page struct {
	testing.TB
	Status int
	Header http.Header
	Body   string
	root   *html.Node
}

// Text returns the text of the page, with single spaces.
func (p *Page) Text() string { return textOf(p.root) }

// Texts returns the text of each element with a name, such as td, and, unless class is "", a class.
func (p *Page) Texts(name, class string) []string {
	var all []string
	p.each(func(n *html.Node) {
		if n.Data == name && (class == "" || hasClass(n, class)) {
			all = append(all, textOf(n))
		}
	})
	return all
}

// Attributes returns the values of an attribute of the elements with a name.
func (p *Page) Attributes(name, attribute string) []string {
	var all []string
	p.each(func(n *html.Node) {
		if n.Data == name {
			for _, a := range n.Attr {
				if a.Key == attribute {
					all = append(all, a.Val)
				}
			}
		}
	})
	return all
}

// With returns the values of an attribute of the elements with a name that have another attribute.
func (p *Page) With(name, other, attr string) []string {
	var all []string
	p.each(func(n *html.Node) {
		if n.Data == name && has(n, other) {
			all = append(all, attribute(n, attr))
		}
	})
	return all
}

// Has fails the test unless the page has a status and each text.
func (p *Page) Has(status int, texts ...string) *Page {
	p.Helper()
	if p.Status != status {
		p.Errorf("status %d, want %d: %s", p.Status, status, p.Text())
	}
	text := p.Text()
	for _, want := range texts {
		if !strings.Contains(text, want) {
			p.Errorf("%q is not on the page: %s", want, text)
		}
	}
	return p
}

// Safe fails the test if the page has what the Content Security Policy blocks or markup that [Hostile] brought in.
func (p *Page) Safe() *Page {
	p.Helper()
	p.each(func(n *html.Node) {
		if n.Data == "script" && attribute(n, "src") == "" {
			p.Errorf("a script within the page: %s", textOf(n))
		}
		if n.Data == "img" && attribute(n, "src") == "x" {
			p.Error("an element from a name")
		}
		for _, a := range n.Attr {
			if a.Key == "style" || strings.HasPrefix(a.Key, "on") || strings.Contains(a.Key, "hx-on") ||
				strings.HasPrefix(a.Val, "javascript:") || strings.HasPrefix(a.Val, "js:") {
				p.Errorf("attribute %s=%q of %s", a.Key, a.Val, n.Data)
			}
		}
	})
	return p
}

func (p *Page) each(visit func(*html.Node)) {
	for n := range p.root.Descendants() {
		if n.Type == html.ElementNode {
			visit(n)
		}
	}
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func hasClass(n *html.Node, class string) bool {
	for c := range strings.FieldsSeq(attribute(n, "class")) {
		if c == class {
			return true
		}
	}
	return false
}

func textOf(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode && d.Parent.Data != "style" {
			b.WriteString(d.Data + " ")
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}
