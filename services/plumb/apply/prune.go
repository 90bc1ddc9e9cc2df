package apply

import (
	"maps"
	"slices"
	"time"

	"plumbline.dev/services/plumb/client"
)

// lately is how long after it was last found right a service token counts as used.
const lately = 30 * 24 * time.Hour

// superfluous are the resources that no document has, those that refer to others before these. Service tokens
// that somebody uses are kept, and so are zones of the configuration.
func superfluous(changes []*Change, state State, kinds map[client.Kind]bool, x *index, now time.Time) []*Change {
	wanted := map[string]bool{}
	for _, c := range changes {
		wanted[string(c.Kind)+"/"+c.ID] = true
	}
	var all []*Change
	for _, k := range slices.Backward(order) {
		if !kinds[k] || k == client.KindOrganization {
			continue
		}
		for _, o := range state[k] {
			if !wanted[string(k)+"/"+o.ResourceID()] {
				all = append(all, &Change{Action: Delete, Kind: k, Name: o.ResourceName(), ID: o.ResourceID(), have: canonical(k, o, x)})
			}
		}
	}
	all = referringFirst(all)
	users := usersOf(changes, state, all, x)
	for _, c := range all {
		if c.Kind == client.KindServiceToken {
			c.Note = usedBy(x.ids[c.Kind][c.ID], users, now)
		}
		if c.Kind == client.KindZone && x.ids[c.Kind][c.ID]["x_configured"] == true {
			c.Note = "it is set by the configuration of the control plane (--zone)"
		}
		if c.Note != "" {
			c.Action = Keep
		}
	}
	return all
}

// referringFirst puts those that refer to others of their kind, as groups do, before these.
func referringFirst(all []*Change) []*Change {
	arranged, err := arrange(slices.Clone(cleared(all)))
	if err != nil {
		return all // they refer to one another: the control plane decides
	}
	slices.Reverse(arranged)
	return arranged
}

// cleared lets [arrange] see the references of what is there.
func cleared(all []*Change) []*Change {
	for _, c := range all {
		c.spec = c.have
	}
	return all
}

// usersOf tells of each service token, by id, by name and by Client ID, which resource uses it once the plan
// was carried out.
func usersOf(changes []*Change, state State, deleted []*Change, x *index) map[string]string {
	after := map[string]*Change{}
	for k, objects := range state {
		for _, o := range objects {
			after[string(k)+"/"+o.ResourceID()] = &Change{Kind: k, Name: o.ResourceName(), spec: canonical(k, o, x)}
		}
	}
	for _, c := range deleted {
		delete(after, string(c.Kind)+"/"+c.ID)
	}
	for _, c := range changes {
		after[string(c.Kind)+"/"+c.ID+"/"+c.Name] = c
		if c.have != nil {
			delete(after, string(c.Kind)+"/"+c.ID)
			c = &Change{Kind: c.Kind, Name: c.Name, spec: merge(c.Kind, c.have, c.spec)}
			after[string(c.Kind)+"/"+c.ID+"/"+c.Name] = c
		}
	}
	users := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(after)) {
		c := after[key]
		_ = Refs(c.Kind, cloned(c.spec), func(to client.Kind, value string) (string, error) {
			if to == client.KindServiceToken || to == credential {
				users[value] = c.Label()
			}
			return value, nil
		})
	}
	return users
}

// usedBy says who uses a service token; empty: nobody.
func usedBy(o client.Object, users map[string]string, now time.Time) string {
	for _, member := range []string{"id", "name", "client_id"} {
		if value, _ := o[member].(string); users[value] != "" {
			return "it is used by the " + users[value]
		}
	}
	text, _ := o["last_seen_at"].(string)
	if seen, err := time.Parse(time.RFC3339, text); err == nil && now.Sub(seen) < lately {
		return "it was used at " + seen.UTC().Format(time.RFC3339)
	}
	return ""
}
