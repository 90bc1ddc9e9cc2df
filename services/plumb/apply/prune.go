package apply

import (
	"maps"
	"slices"
	"time"

	"plumbline.dev/services/plumb/client"
)

// recently is how long a service token counts as in use after its last use.
const recently = 30 * 24 * time.Hour

// superfluous returns deletions of the resources without a document, each before the resources it refers to. Service
// tokens in use and configured zones are kept.
func superfluous(changes []*Change, state State, kinds map[client.Kind]bool, x *index, now time.Time) []*Change {
	wanted := map[string]bool{}
	for _, c := range changes {
		wanted[string(c.Kind)+"/"+c.ID] = true
	}
	var all []*Change
	for _, k := range slices.Backward(order) {
		if !kinds[k] || k.Traits().Single {
			continue
		}
		for _, o := range state[k] {
			if !wanted[string(k)+"/"+o.ResourceID()] {
				all = append(all,
					&Change{Action: Delete, Kind: k, Name: o.ResourceName(), ID: o.ResourceID(), have: canonical(k, o, x)})
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

// referringFirst sorts resources of a kind so that each comes before those it refers to.
func referringFirst(all []*Change) []*Change {
	arranged, err := arrange(slices.Clone(cleared(all)))
	if err != nil {
		return all // circular references: the control plane decides
	}
	slices.Reverse(arranged)
	return arranged
}

// cleared sets the specs of changes to the existing resources, for [arrange] to read their references.
func cleared(all []*Change) []*Change {
	for _, c := range all {
		c.spec = c.have
	}
	return all
}

// usersOf returns the user of each service token after the plan has run, by the id, name and Client ID of the token.
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
			if to == client.KindServiceToken || to == client.KindClientID {
				users[value] = c.Label()
			}
			return value, nil
		})
	}
	return users
}

// usedBy returns why a service token is in use, or an empty string.
func usedBy(o client.Object, users map[string]string, now time.Time) string {
	for _, member := range []string{"id", "name", "client_id"} {
		if value, _ := o[member].(string); users[value] != "" {
			return "it is used by the " + users[value]
		}
	}
	text, _ := o["last_seen_at"].(string)
	if seen, err := time.Parse(time.RFC3339, text); err == nil && now.Sub(seen) < recently {
		return "it was used at " + seen.UTC().Format(time.RFC3339)
	}
	return ""
}
