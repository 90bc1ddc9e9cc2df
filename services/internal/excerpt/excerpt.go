// Package excerpt shortens untrusted text for messages and logs.
package excerpt

import (
	"strconv"
	"strings"
)

// Of returns s. If s is longer than limit bytes, Of returns its whole characters within the limit and an ellipsis.
func Of(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}

// Words is like [Of], and shortens at the end of a word if there is one in the second half.
func Words(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	s = s[:limit]
	if at := strings.LastIndexByte(s, ' '); at > limit/2 {
		s = s[:at]
	}
	return strings.ToValidUTF8(s, "") + "…"
}

// Quoted returns the excerpt in quotes, as %q writes it.
func Quoted(s string, limit int) string { return strconv.Quote(Of(s, limit)) }
