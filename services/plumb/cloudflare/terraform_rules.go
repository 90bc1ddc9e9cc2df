package cloudflare

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"plumbline.dev/services/internal/policy"
)

// selectors holds each selector by its name and by its aliases.
var selectors = func() map[string]*policy.Selector {
	all := map[string]*policy.Selector{}
	for _, s := range policy.Selectors() {
		all[s.Name] = s
		for _, alias := range s.Aliases {
			all[alias] = s
		}
	}
	return all
}()

// normaliseRules converts the rules of a policy or a group to the form of the API, and returns the rules that it cannot
// convert.
func normaliseRules(o map[string]any) (problems []string) {
	for _, part := range []string{"include", "exclude", "require"} {
		rules := []any{}
		list, isList := o[part].([]any)
		if !isList && o[part] != nil {
			problems = append(problems, part+": it is not a list of rules")
		}
		for n, one := range list {
			given, ok := one.(map[string]any)
			if !ok {
				problems = append(problems, fmt.Sprintf("%s[%d]: not a rule", part, n))
				continue
			}
			for _, name := range slices.Sorted(maps.Keys(given)) {
				some, err := rulesOf(name, given[name])
				if err != nil {
					problems = append(problems, fmt.Sprintf("%s[%d].%s: %v", part, n, name, err))
				}
				rules = append(rules, some...)
			}
		}
		if o[part] = rules; part == "include" && len(rules) == 0 && len(problems) == 0 {
			problems = append(problems, "include: there is no rule in it")
		}
	}
	return problems
}

// rulesOf returns the rules of a selector. Version 5 writes an object; version 4 writes a value or a list of values,
// true for a selector without members, or a list of blocks.
func rulesOf(theirs string, v any) ([]any, error) {
	if isZero(v) {
		if o, isObject := v.(map[string]any); !isObject || o == nil {
			return nil, nil // the provider writes every selector of a rule, and this one is not used
		}
	}
	s, known := selectors[theirs]
	if !known {
		return nil, fmt.Errorf("unknown selector")
	}
	list, isList := v.([]any)
	if !isList {
		list = []any{v}
	}
	var rules []any
	for _, one := range list {
		bodies, err := bodies(s, one)
		if err != nil {
			return nil, err
		}
		for _, body := range bodies {
			rules = append(rules, map[string]any{s.Name: body})
		}
	}
	return rules, nil
}

// bodies returns the bodies of the rules that a selector's value stands for.
func bodies(s *policy.Selector, v any) ([]map[string]any, error) {
	switch v := v.(type) {
	case bool:
		if len(s.Members) > 0 || !v {
			return nil, fmt.Errorf("unexpected value %v", v)
		}
		return []map[string]any{{}}, nil
	case string:
		if s.Value == "" || v == "" {
			return nil, fmt.Errorf("unexpected value %q", v)
		}
		return []map[string]any{{s.Value: v}}, nil
	case map[string]any:
		all, err := split(s, v)
		for _, body := range all {
			for _, name := range s.Members {
				if isZero(body[name]) && err == nil {
					err = fmt.Errorf("%s is missing", name)
				}
			}
		}
		return all, err
	}
	return nil, fmt.Errorf("unexpected form of the value")
}

// split returns one body for each value of a member that holds a list.
func split(s *policy.Selector, body map[string]any) ([]map[string]any, error) {
	body = maps.Clone(body)
	for name, v := range body {
		if v == nil || v == "" {
			delete(body, name)
		}
	}
	for _, from := range slices.Sorted(maps.Keys(s.Lists)) {
		list, ok := body[from].([]any)
		if !ok {
			continue
		}
		to := s.Lists[from]
		delete(body, from)
		if len(list) == 0 {
			return []map[string]any{body}, nil
		}
		all := make([]map[string]any, len(list))
		for n, value := range list {
			if text, isText := value.(string); !isText || strings.TrimSpace(text) == "" {
				return nil, fmt.Errorf("%s must hold strings only", from)
			}
			all[n] = maps.Clone(body)
			all[n][to] = value
		}
		return all, nil
	}
	return []map[string]any{body}, nil
}

// isZero reports whether a value is empty: version 4 of the provider writes every member.
func isZero(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case bool:
		return !v
	case json.Number:
		f, err := v.Float64()
		return err == nil && f == 0
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}
