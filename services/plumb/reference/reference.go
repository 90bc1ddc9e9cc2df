// Package reference reads and writes references in documents of plumb apply: ${env:NAME} and ${file:PATH}. One more
// $ before a reference makes it text: $${env:NAME} is the text ${env:NAME}, and $$${env:NAME} the text $${env:NAME}.
package reference

import (
	"regexp"
	"strings"
)

var pattern = regexp.MustCompile(`(\$+)\{(env|file):([^{}]+)\}`)

// Is reports whether a text is one reference and nothing else.
func Is(text string) bool {
	m := pattern.FindStringSubmatch(text)
	return m != nil && m[0] == text && m[1] == "$"
}

// In reports whether a text has a reference.
func In(text string) bool {
	for _, m := range pattern.FindAllStringSubmatch(text, -1) {
		if m[1] == "$" {
			return true
		}
	}
	return false
}

// A Lookup returns the value of a reference by its kind, env or file, and its name.
type Lookup func(kind, name string) (string, error)

// Expand replaces the references of a text by their values. It returns the first error of lookup.
func Expand(text string, lookup Lookup) (string, error) {
	var failed error
	text = pattern.ReplaceAllStringFunc(text, func(match string) string {
		if strings.HasPrefix(match, "$$") {
			return match[1:]
		}
		m := pattern.FindStringSubmatch(match)
		value, err := lookup(m[2], m[3])
		if err != nil && failed == nil {
			failed = err
		}
		return value
	})
	return text, failed
}

// Escape returns a text that [Expand] makes text again, whatever the text is.
func Escape(text string) string { return pattern.ReplaceAllString(text, "$$$0") }
