package resource

import (
	"strings"

	"plumbline.dev/services/plumb/command/render"
)

// SupportState returns the state of a resource: served reports whether its type is supported, and names are its
// unsupported settings.
func SupportState(served bool, names []string) string {
	switch {
	case !served:
		return render.Unsupported
	case len(names) > 0:
		return render.Partly
	}
	return "ok"
}

// UnsupportedRows adds a row with the unsupported settings of a resource and their meaning.
func UnsupportedRows(tab *render.Table, names []string, meaning string) {
	if len(names) > 0 {
		tab.Row(render.Unsupported, strings.Join(names, ", ")+" ("+meaning+")")
	}
}
