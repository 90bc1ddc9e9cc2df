package apply

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"plumbline.dev/services/internal/secretname"
)

// A Lookup returns the value of a reference: kind is env or file, and relative paths start from base.
type Lookup func(kind, name, base string) (string, error)

var reference = regexp.MustCompile(`\$\{(env|file):([^{}]+)\}`)

// secretRef is a secret of a resource: its path, and the reference that is resolved when it is sent.
type secretRef struct {
	path []string
	ref  string
}

// references removes the secrets from a spec and returns them, and replaces other references by their values. It adds
// these values to known, so that differences can show the references instead.
func references(v any, path []string, lookup func(string) (string, error),
	known map[string]string) (any, []secretRef, error) {
	var all []secretRef
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			here := append(slices.Clone(path), name)
			if v[name] == "" && secretname.Is(name) || secretname.Holds(name, v[name]) {
				text, _ := v[name].(string)
				if reference.FindString(text) != text || text == "" {
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
		text, err := expand(v, lookup)
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

// expand replaces the references in a text by their values.
func expand(text string, lookup func(string) (string, error)) (string, error) {
	var failed error
	text = reference.ReplaceAllStringFunc(text, func(ref string) string {
		value, err := lookup(ref)
		if err != nil && failed == nil {
			failed = err
		}
		return value
	})
	return text, failed
}

func (l Lookup) in(base string) func(string) (string, error) {
	return func(ref string) (string, error) {
		parts := reference.FindStringSubmatch(ref)
		value, err := l(parts[1], parts[2], base)
		if err != nil {
			return "", fmt.Errorf("%s: %w", ref, err)
		}
		return value, nil
	}
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
