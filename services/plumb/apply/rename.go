package apply

import (
	"slices"
	"strings"

	"plumbline.dev/services/plumb/client"
)

// rename turns the creation of an application into a change of an existing one, if no document names the existing one
// and both protect the same domain. Two applications cannot protect the same domain, and deleting the old one first
// would lose its AUD.
func rename(changes []*Change, state State, x *index) {
	taken := map[string]bool{}
	for _, c := range changes {
		if c.Kind == client.KindApplication {
			taken[c.ID] = true
		}
	}
	for _, c := range changes {
		if c.Kind != client.KindApplication || c.Action != Create {
			continue
		}
		wanted := protects(c.spec)
		for _, o := range state[c.Kind] {
			if id := o.ResourceID(); !taken[id] &&
				slices.ContainsFunc(protects(o), func(uri string) bool { return slices.Contains(wanted, uri) }) {
				taken[id] = true
				c.Action, c.ID, c.have = Update, id, canonical(c.Kind, o, x)
				c.Fields = append(c.masked(diff("", c.spec, c.have)), secretFields(c.secrets)...)
				break
			}
		}
	}
}

// protects returns the public domains of an application, whichever member holds them.
func protects(o map[string]any) []string {
	var all []string
	add := func(v any) {
		if uri, ok := v.(string); ok && uri != "" {
			all = append(all, strings.ToLower(uri))
		}
	}
	add(o["domain"])
	hosts, _ := o["self_hosted_domains"].([]any)
	for _, host := range hosts {
		add(host)
	}
	destinations, _ := o["destinations"].([]any)
	for _, d := range destinations {
		if d, ok := d.(map[string]any); ok {
			add(d["uri"])
		}
	}
	return all
}
