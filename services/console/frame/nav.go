package frame

import "slices"

// group is a group of the navigation.
type group struct {
	Name    string
	Entries []entry
}

// entry is an entry of the navigation.
type entry struct {
	Name, Path string
	Current    bool
	Count      int    // of what waits for a decision; 0 is not shown
	Counted    string // for screen readers, such as "1 hold"
}

// navigation returns the groups with the entries that are served; current is the path of the current one.
func navigation(current string, s State, serves func(pattern string) bool) []group {
	all := []group{
		{"Posture", []entry{{Name: "Overview", Path: "/overview"}, {Name: "Devices", Path: "/devices"},
			{Name: "Checks", Path: "/checks"}, {Name: "Integrations", Path: "/integrations"},
			{Name: "Holds", Path: "/holds", Count: s.Holds, Counted: plural(s.Holds, "hold", "holds")}}},
		{"Access", []entry{{Name: "Applications", Path: "/applications"}, {Name: "Policies", Path: "/policies"},
			{Name: "Tokens and keys", Path: "/tokens"}, {Name: "Members", Path: "/members"}}},
		{"Insights", []entry{{Name: "Posture log", Path: "/logs/posture"}, {Name: "Access log", Path: "/logs/access"},
			{Name: "Audit", Path: "/logs/audit"}}},
		{"System", []entry{{Name: "Start here", Path: "/start"}, {Name: "Destinations", Path: "/destinations"},
			{Name: "Health", Path: "/system"}}},
	}
	for i := range all {
		g := &all[i]
		g.Entries = slices.DeleteFunc(g.Entries, func(e entry) bool { return !serves(e.Path) })
		for j := range g.Entries {
			g.Entries[j].Current = g.Entries[j].Path == current
		}
	}
	return slices.DeleteFunc(all, func(g group) bool { return len(g.Entries) == 0 })
}
