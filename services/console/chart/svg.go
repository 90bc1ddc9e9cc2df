package chart

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
)

// svg builds an SVG element. Texts are escaped; numbers have at most two decimals.
type svg struct{ strings.Builder }

// newStrip begins an element of a class with a view box of w by h units. It fills the width and height of its class,
// whatever its proportions. The label describes it to people who do not see it.
func newStrip(class string, w, h float64, label string) *svg {
	s := &svg{}
	fmt.Fprintf(s, `<svg class="%s" viewBox="0 0 %s %s" role="img" aria-label="%s" `+
		`preserveAspectRatio="none">`, template.HTMLEscapeString(class),
		unit(w), unit(h), template.HTMLEscapeString(label))
	return s
}

// rect adds a rectangle with an optional title.
func (s *svg) rect(class string, x, y, w, h, radius float64, title string) {
	fmt.Fprintf(s, `<rect class="%s" x="%s" y="%s" width="%s" height="%s"`, template.HTMLEscapeString(class), unit(x),
		unit(y), unit(max(w, 0)), unit(max(h, 0)))
	if radius > 0 {
		fmt.Fprintf(s, ` rx="%s"`, unit(radius))
	}
	if title == "" {
		s.WriteString("/>")
		return
	}
	fmt.Fprintf(s, `><title>%s</title></rect>`, template.HTMLEscapeString(title))
}

// text adds a text.
func (s *svg) text(class string, x, y float64, text string) {
	fmt.Fprintf(s, `<text class="%s" x="%s" y="%s">%s</text>`, template.HTMLEscapeString(class), unit(x), unit(y),
		template.HTMLEscapeString(text))
}

// done ends the element.
func (s *svg) done() template.HTML {
	s.WriteString("</svg>")
	return template.HTML(s.String()) //nolint:gosec // every text was escaped
}

// unit formats a coordinate.
func unit(v float64) string {
	text := strconv.FormatFloat(v, 'f', 2, 64)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}
