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

// A Lookup gives what a reference stands for: kind is env or file, base is where a relative path begins.
type Lookup func(kind, name, base string) (string, error)

var reference = regexp.MustCompile(`\$\{(env|file):([^{}]+)\}`)

// secretRef is a secret of a resource: where it goes, and what it is read from when it is sent.
type secretRef struct {
	path []string
	ref  string
}

// references takes the secrets out of a spec, and puts in the place of other references what they stand for.
// known notes those, so that a difference shows the reference in their place.
func references(v any, path []string, lookup func(string) (string, error), known map[string]string) (any, []secretRef, error) {
	var all []secretRef
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			here := append(slices.Clone(path), name)
			if v[name] == "" && secretname.Is(name) || secretname.Holds(name, v[name]) {
				text, _ := v[name].(string)
				if reference.FindString(text) != text || text == "" {
					return nil, nil, fmt.Errorf("%s is a secret, which does not belong in a file of resources: write ${env:NAME} or ${file:PATH}", strings.Join(here, "."))
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

// expand puts in the place of the references in a text what they stand for.
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

// put sets what a path leads to.
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
