package topology

import "slices"

// StreamsOf are the streams that a role writes to or takes messages of, each once, in the order of the table:
// those whose size it may ask for.
func StreamsOf(r Role) []string {
	var all []string
	for _, f := range Flows() {
		concerns := slices.Contains(f.From, r) || slices.Contains(f.To, r)
		if concerns && f.Stream != "" && !slices.Contains(all, f.Stream) {
			all = append(all, f.Stream)
		}
	}
	return all
}

// DurablesOf are the provisioned consumers whose messages a role takes.
func DurablesOf(r Role) []Durable {
	var all []Durable
	for _, d := range Durables() {
		if slices.Contains(grants(r).durables, d.Stream+" "+d.Config.Durable) {
			all = append(all, d)
		}
	}
	return all
}
