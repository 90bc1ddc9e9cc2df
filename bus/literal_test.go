package bus_test

import (
	"regexp"
	"strings"

	"plumbline.dev/bus/topology"
)

// literal is a subject that a filter matches.
func literal(filter string) string {
	return strings.NewReplacer("*", "x", ">", "x.y").Replace(filter)
}

// reference is how the local subject of an import refers to a token.
var reference = regexp.MustCompile(`\$[0-9]`)

// local is the subject of an import in the zone that imports.
func local(i topology.Import) string {
	if i.Local == "" {
		return i.Subject
	}
	return reference.ReplaceAllString(i.Local, "*")
}
