package frame

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

// navigation returns the groups with their entries; current is the path of the current one.
func navigation(current string, s State) []group {
	all := []group{
		{"Posture", []entry{{Name: "Overview", Path: "/overview"}, {Name: "Devices", Path: "/devices"},
			{Name: "Checks", Path: "/checks"}, {Name: "Integrations", Path: "/integrations"},
			{Name: "Holds", Path: "/holds", Count: s.Holds, Counted: plural(s.Holds, "hold", "holds")}}},
		{"Access", []entry{{Name: "Applications", Path: "/applications"}, {Name: "Policies", Path: "/policies"},
			{Name: "Tokens and keys", Path: "/tokens"}, {Name: "Members", Path: "/members"}}},
		{"Insights", []entry{{Name: "Posture log", Path: "/logs/posture"}, {Name: "Access log", Path: "/logs/access"},
			{Name: "Audit", Path: "/logs/audit"}}},
		{"System", []entry{{Name: "Start here", Path: "/start"}, {Name: "Health", Path: "/system"}}},
	}
	for i := range all {
		for j := range all[i].Entries {
			e := &all[i].Entries[j]
			e.Current = e.Path == current
		}
	}
	return all
}
