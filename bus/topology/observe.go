package topology

import "slices"

// StreamsOf returns the streams a role writes to or reads messages from, without duplicates, in the order of the
// table. The role may request their size.
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

// DurablesOf returns the provisioned consumers of a role.
func DurablesOf(r Role) []Durable {
	var all []Durable
	for _, d := range Durables() {
		if slices.Contains(grants(r).durables, d.Stream+" "+d.Config.Durable) {
			all = append(all, d)
		}
	}
	return all
}

// SizesOf returns the streams whose size a role may request: those of [StreamsOf], and those it reads in other ways.
func SizesOf(r Role) []string {
	p := PermissionsOf(r)
	var all []string
	for _, s := range Streams(Options{}) {
		if slices.Contains(p.Publish, "$JS.API.STREAM.INFO."+s.Name) {
			all = append(all, s.Name)
		}
	}
	return all
}
