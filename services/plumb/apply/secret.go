package apply

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"plumbline.dev/services/internal/secretname"
	"plumbline.dev/services/plumb/reference"
)

// A Lookup returns the value of a reference: kind is env or file, and relative paths start from base.
type Lookup func(kind, name, base string) (string, error)

// secretRef is a secret of a resource: its path, and the reference that is resolved when it is sent.
type secretRef struct {
	path []string
	ref  string
}

// references removes the secrets from a spec and returns them, and replaces other references by their values. It adds
// these values to known, so that differences can show the references instead.
func references(v any, path []string, lookup reference.Lookup,
	known map[string]string) (any, []secretRef, error) {
	var all []secretRef
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			here := append(slices.Clone(path), name)
			if v[name] == "" && secretname.Is(name) || secretname.Holds(name, v[name]) {
				text, _ := v[name].(string)
				if !reference.Is(text) {
					return nil, nil, fmt.Errorf("%s is a secret and must not be in the file: write ${env:NAME} or ${file:PATH}",
						strings.Join(here, "."))
				}
				all = append(all, secretRef{here, text})
				delete(v, name)
				continue
			}
			one, some, err := references(v[name], here, lookup, known)
			if err != nil {
				return nil, nil, err
			}
			v[name], all = one, append(all, some...)
		}
	case []any:
		for n := range v {
			one, some, err := references(v[n], append(slices.Clone(path), strconv.Itoa(n)), lookup, known)
			if err != nil {
				return nil, nil, err
			}
			v[n], all = one, append(all, some...)
		}
	case string:
		text, err := reference.Expand(v, lookup)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", strings.Join(path, "."), err)
		}
		if text != v {
			known[text] = v
		}
		return text, nil, nil
	}
	return v, all, nil
}

// in returns the lookup of a document's references: relative paths start from base.
func (l Lookup) in(base string) reference.Lookup {
	return func(kind, name string) (string, error) {
		value, err := l(kind, name, base)
		if err != nil {
			return "", fmt.Errorf("${%s:%s}: %w", kind, name, err)
		}
		return value, nil
	}
}

// escaped returns a value of a resource for a document: its text is no reference, whoever wrote it.
func escaped(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name := range v {
			v[name] = escaped(v[name])
		}
	case []any:
		for n := range v {
			v[n] = escaped(v[n])
		}
	case string:
		return reference.Escape(v)
	}
	return v
}

// put sets the member at a path.
func put(v any, path []string, value string) {
	for n, name := range path {
		last := n == len(path)-1
		switch in := v.(type) {
		case map[string]any:
			if last {
				in[name] = value
				return
			}
			if in[name] == nil {
				in[name] = map[string]any{}
			}
			v = in[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(in) {
				return
			}
			if last {
				in[i] = value
				return
			}
			v = in[i]
		default:
			return
		}
	}
}
