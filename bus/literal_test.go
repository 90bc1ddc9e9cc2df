package bus_test

import (
	"strings"

	"plumbline.dev/bus/topology"
)

// literal is a subject that a filter matches.
func literal(filter string) string {
	return strings.NewReplacer("*", "x", ">", "x.y").Replace(filter)
}

// local is the subject of an import in the zone that imports.
func local(i topology.Import) string {
	if i.Local == "" {
		return i.Subject
	}
	return strings.ReplaceAll(i.Local, "$1", "*")
}
