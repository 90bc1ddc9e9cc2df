package command

import "strings"

// unsupported is the state of what this build keeps as it was sent, and cannot serve, poll or evaluate.
const unsupported = "unsupported"

// supportState is the state of a resource by its x_unsupported; served tells that it is of a type that is.
func supportState(served bool, names []string) string {
	switch {
	case !served:
		return unsupported
	case len(names) > 0:
		return "partly"
	}
	return "ok"
}

// unsupportedRows name what this build does not do of a resource, and what that means.
func unsupportedRows(tab *table, names []string, meaning string) {
	if len(names) > 0 {
		tab.row(unsupported, strings.Join(names, ", ")+" ("+meaning+")")
	}
}
