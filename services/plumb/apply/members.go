package apply

import (
	"maps"
	"slices"
	"strconv"

	"plumbline.dev/services/internal/ownedmember"
	"plumbline.dev/services/internal/policy"
	"plumbline.dev/services/plumb/client"
)

// specMembers lists the members of specs by place: a kind, or a kind and the path of an object or of a list of objects.
// The members of other places are not checked.
var specMembers = func() map[string][]string {
	all := map[string][]string{}
	for place, members := range described {
		all[place] = []string{}
		for _, m := range members {
			all[place] = append(all[place], m.Name)
		}
	}
	for place, names := range keptMembers {
		all[place] = append(all[place], names...)
	}
	return all
}()

// selectors holds the members of a rule's body, by the name of its selector.
var selectors = func() map[string][]string {
	all := map[string][]string{}
	for _, s := range policy.Selectors() {
		all[s.Name] = slices.Concat(s.Members, s.Optional)
	}
	return all
}()

// Member is an unknown member of a spec.
type Member struct {
	Path  string   // such as input.scroe
	Value any      // its value
	Among []string // the known members of the same place
	in    map[string]any
	name  string
}

// Remove removes the member from its spec.
func (m Member) Remove() { delete(m.in, m.name) }

// Unknown returns the members of a spec that a kind does not have, in the order of their paths. Members that only the
// control plane writes are ignored.
func Unknown(k client.Kind, spec map[string]any) []Member {
	return unknownIn(string(k), "", spec)
}

func unknownIn(place, path string, o map[string]any) []Member {
	names, checked := specMembers[place]
	if !checked {
		return nil
	}
	var all []Member
	for _, name := range slices.Sorted(maps.Keys(o)) {
		here := join(path, name)
		switch {
		case path == "" && slices.Contains(ownedmember.All(), name), path == "" && name == "name":
		case !slices.Contains(names, name):
			all = append(all, Member{Path: here, Value: o[name], Among: names, in: o, name: name})
		case slices.Contains(ruleLists, name):
			all = append(all, unknownRules(here, o[name])...)
		case place == string(client.KindApplication) && name == "policies":
			all = append(all, unknownPolicies(here, o[name])...)
		default:
			all = append(all, unknownBelow(place+"."+name, here, o[name])...)
		}
	}
	return all
}

func unknownBelow(place, path string, v any) (all []Member) {
	switch v := v.(type) {
	case map[string]any:
		return unknownIn(place, path, v)
	case []any:
		for n, one := range v {
			if o, ok := one.(map[string]any); ok {
				all = append(all, unknownIn(place, item(path, n), o)...)
			}
		}
	}
	return all
}

var ruleLists = []string{"include", "exclude", "require"}

func unknownRules(path string, v any) (all []Member) {
	list, _ := v.([]any)
	for n, rule := range list {
		o, _ := rule.(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(o)) {
			here := join(item(path, n), name)
			names, there := selectors[name]
			if !there {
				all = append(all, Member{Path: here, Value: o[name], Among: slices.Sorted(maps.Keys(selectors)), in: o, name: name})
				continue
			}
			body, _ := o[name].(map[string]any)
			for _, member := range slices.Sorted(maps.Keys(body)) {
				if !slices.Contains(names, member) {
					all = append(all, Member{Path: join(here, member), Value: body[member], Among: names, in: body, name: member})
				}
			}
		}
	}
	return all
}

// unknownPolicies checks the policies of an application. A reference to a policy has an id and a precedence.
func unknownPolicies(path string, v any) (all []Member) {
	list, _ := v.([]any)
	for n, one := range list {
		o, ok := one.(map[string]any)
		if !ok {
			continue
		}
		for _, m := range unknownIn(string(client.KindPolicy), item(path, n), o) {
			here := m.Path == join(item(path, n), m.name)
			if !here || !slices.Contains(ownedmember.All(), m.name) && m.name != "name" && m.name != "precedence" {
				all = append(all, m)
			}
		}
	}
	return all
}

func item(path string, n int) string { return path + "[" + strconv.Itoa(n) + "]" }
