package apply

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Field is one changed member. From is nil for a new member, To for a removed one. For a secret, To is the reference
// to it.
type Field struct {
	Path   string `json:"path"`
	From   any    `json:"from,omitempty"`
	To     any    `json:"to,omitempty"`
	Secret bool   `json:"secret,omitempty"`
}

// diff returns the members of want with another value in have. Other members of have are ignored.
func diff(path string, want, have any) []Field {
	changed := []Field{{Path: path, From: have, To: want}}
	switch want := want.(type) {
	case map[string]any:
		have, ok := have.(map[string]any)
		if !ok {
			return changed
		}
		var all []Field
		for _, name := range slices.Sorted(maps.Keys(want)) {
			all = append(all, diff(join(path, name), want[name], have[name])...)
		}
		return all
	case []any:
		list, ok := have.([]any)
		if !ok && have != nil || len(list) != len(want) {
			return changed
		}
		var all []Field
		for n := range want {
			all = append(all, diff(fmt.Sprintf("%s[%d]", path, n), want[n], list[n])...)
		}
		return all
	}
	if same(want, have) {
		return nil
	}
	return changed
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// same compares values other than objects and lists. An empty string equals null.
func same(want, have any) bool {
	if want == nil || want == "" {
		return have == nil || have == ""
	}
	a, isNumber := want.(json.Number)
	b, wasNumber := have.(json.Number)
	if isNumber && wasNumber {
		x, err1 := a.Float64()
		y, err2 := b.Float64()
		return a == b || err1 == nil && err2 == nil && x == y
	}
	switch have.(type) {
	case map[string]any, []any:
		return false
	}
	return want == have
}

// leaves returns the members of a new resource, with their paths.
func leaves(path string, v any) []Field {
	object, ok := v.(map[string]any)
	if !ok || len(object) == 0 && path != "" {
		return []Field{{Path: path, To: v}}
	}
	var all []Field
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if object[name] != nil {
			all = append(all, leaves(join(path, name), object[name])...)
		}
	}
	return all
}

// mask replaces each value in known by its reference.
func mask(v any, known map[string]string) any {
	switch v := v.(type) {
	case map[string]any:
		for name, one := range v {
			v[name] = mask(one, known)
		}
	case []any:
		for n, one := range v {
			v[n] = mask(one, known)
		}
	case string:
		if ref := known[v]; ref != "" {
			return ref
		}
	}
	return v
}
