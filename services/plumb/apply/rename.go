package apply

import (
	"slices"
	"strings"

	"plumbline.dev/services/plumb/client"
)

// rename makes of an application that is to be made for what one protects that no document has a change of
// this one: two cannot protect the same, so it could not be made before the other is gone, and the other's AUD
// would be gone with it.
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
			if id := o.ResourceID(); !taken[id] && slices.ContainsFunc(protects(o), func(uri string) bool { return slices.Contains(wanted, uri) }) {
				taken[id] = true
				c.Action, c.ID, c.have = Update, id, canonical(c.Kind, o, x)
				c.Fields = append(c.masked(diff("", c.spec, c.have)), secretFields(c.secrets)...)
				break
			}
		}
	}
}

// protects are the public places of an application, in whichever view says them.
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
