package apply

import (
	"maps"
	"slices"
	"strings"

	"plumbline.dev/services/internal/policy"
	"plumbline.dev/services/plumb/client"
)

// A visit receives a reference to a resource of a kind and returns its replacement.
type visit func(to client.Kind, value string) (string, error)

// Refs replaces each reference of a resource to another one by what f returns. The reference of an integration to a
// service token is a Client ID.
func Refs(k client.Kind, o map[string]any, f func(to client.Kind, value string) (string, error)) error {
	t := k.Traits()
	for _, r := range t.Refs {
		in, member := o, r.Path
		for before, rest, nested := strings.Cut(member, "."); nested; before, rest, nested = strings.Cut(member, ".") {
			in, _ = in[before].(map[string]any)
			member = rest
		}
		if err := refAt(in, member, r.To, f); err != nil {
			return err
		}
	}
	if t.Rules {
		return rules(o, f)
	}
	return nil
}

// refAt visits a member that is a reference, or a list of references.
func refAt(o map[string]any, member string, to client.Kind, f visit) error {
	list, isList := o[member].([]any)
	if !isList {
		return at(o, member, to, f)
	}
	for n, one := range list {
		if err := eachRef(list, n, one, to, f); err != nil {
			return err
		}
	}
	return nil
}

// eachRef visits an item of a list: a name, an object with an id, or a policy that belongs to the resource.
func eachRef(list []any, n int, one any, to client.Kind, f visit) error {
	switch one := one.(type) {
	case string:
		v, err := f(to, one)
		if err == nil {
			list[n] = v
		}
		return err
	case map[string]any:
		if _, own := one["include"]; own {
			return rules(one, f)
		}
		return at(one, "id", to, f)
	}
	return nil
}

func rules(o map[string]any, f visit) error {
	for _, part := range []string{"include", "exclude", "require"} {
		list, _ := o[part].([]any)
		for _, rule := range list {
			selectors, _ := rule.(map[string]any)
			for _, name := range slices.Sorted(maps.Keys(selectors)) {
				body, _ := selectors[name].(map[string]any)
				selector, known := policy.FindSelector(name)
				if !known {
					continue
				}
				for _, member := range slices.Sorted(maps.Keys(selector.Refs)) {
					if err := at(body, member, client.Kind(selector.Refs[member]), f); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

func at(o map[string]any, member string, to client.Kind, f visit) error {
	value, ok := o[member].(string)
	if !ok || value == "" {
		return nil
	}
	v, err := f(to, value)
	if err == nil {
		o[member] = v
	}
	return err
}

// clone returns a deep copy of a value.
func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, one := range v {
			out[name] = clone(one)
		}
		return out
	case client.Object:
		return clone(map[string]any(v))
	case []any:
		out := make([]any, len(v))
		for n, one := range v {
			out[n] = clone(one)
		}
		return out
	}
	return v
}

func cloned(o map[string]any) map[string]any { return clone(o).(map[string]any) }
