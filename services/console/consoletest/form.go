package consoletest

import (
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// Form returns what a browser would send for the form with an action if nobody changed it. It fails the test if the
// page has no such form.
func (p *Page) Form(action string) url.Values {
	p.Helper()
	if f := find(p.root, "form", func(n *html.Node) bool {
		return attribute(n, "action") == action && strings.EqualFold(attribute(n, "method"), http.MethodPost)
	}); f != nil {
		return fieldsOf(f)
	}
	p.Fatalf("no form posts to %s: %s", action, p.Text())
	return nil
}

// Open fails the test unless the dialog with an id is open, or closed.
func (p *Page) Open(id string, open bool) {
	p.Helper()
	d := find(p.root, "dialog", func(n *html.Node) bool { return attribute(n, "id") == id })
	if d == nil || has(d, "open") != open {
		p.Errorf("dialog %s: open is not %v: %s", id, open, p.Text())
	}
}

func fieldsOf(form *html.Node) url.Values {
	v := url.Values{}
	for n := range form.Descendants() {
		name := attribute(n, "name")
		if n.Type != html.ElementNode || name == "" || has(n, "disabled") {
			continue
		}
		switch n.Data {
		case "input":
			if kind := attribute(n, "type"); kind != "checkbox" && kind != "radio" || has(n, "checked") {
				v.Add(name, attribute(n, "value"))
			}
		case "textarea":
			v.Add(name, strings.ReplaceAll(content(n), "\n", "\r\n"))
		case "select":
			chosen := find(n, "option", func(o *html.Node) bool { return has(o, "selected") })
			if chosen == nil {
				chosen = find(n, "option", func(*html.Node) bool { return true })
			}
			if chosen != nil {
				v.Add(name, attribute(chosen, "value"))
			}
		}
	}
	return v
}

func find(root *html.Node, name string, is func(*html.Node) bool) *html.Node {
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && n.Data == name && is(n) {
			return n
		}
	}
	return nil
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

// content returns the text of an element as it is.
func content(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}
