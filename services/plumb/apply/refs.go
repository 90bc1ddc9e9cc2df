package apply

import (
	"maps"
	"slices"

	"plumbline.dev/services/internal/policy"
	"plumbline.dev/services/plumb/client"
)

// A visit receives a reference to a resource of a kind and returns its replacement.
type visit func(to client.Kind, value string) (string, error)

// Refs replaces each reference of a resource to another one by what f returns. The reference of an integration to a
// service token is a Client ID.
func Refs(k client.Kind, o map[string]any, f func(to client.Kind, value string) (string, error)) error {
	switch k {
	case client.KindIntegration:
		config, _ := o["config"].(map[string]any)
		return at(config, "access_client_id", credential, f)
	case client.KindCheck:
		input, _ := o["input"].(map[string]any)
		return at(input, "connection_id", client.KindIntegration, f)
	case client.KindGroup, client.KindPolicy:
		return rules(o, f)
	case client.KindApplication:
		if err := each(o["allowed_idps"], client.KindIdentityProvider, f); err != nil {
			return err
		}
		if err := each(o["tags"], client.KindTag, f); err != nil {
			return err
		}
		policies, _ := o["policies"].([]any)
		for n, p := range policies {
			if err := policyRef(policies, n, p, f); err != nil {
				return err
			}
		}
	}
	return nil
}

// policyRef visits an item of an application's policies: a name, an object with an id, or an inline policy.
func policyRef(policies []any, n int, p any, f visit) error {
	switch p := p.(type) {
	case string:
		v, err := f(client.KindPolicy, p)
		policies[n] = v
		return err
	case map[string]any:
		if _, own := p["include"]; own {
			return rules(p, f)
		}
		return at(p, "id", client.KindPolicy, f)
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

func each(list any, to client.Kind, f visit) error {
	all, _ := list.([]any)
	for n, one := range all {
		if value, ok := one.(string); ok {
			v, err := f(to, value)
			if err != nil {
				return err
			}
			all[n] = v
		}
	}
	return nil
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
