package apply

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"plumbline.dev/services/plumb/client"
)

// numbers and switches list the members that are numbers and booleans, without those that the API describes. Other
// members are strings, lists or objects.
var (
	numbers = []string{"total_score", "active_threats", "update_window_days", "precedence", "approvals_needed",
		"max_age"}
	switches = []string{"enabled", "exists", "requireAll", "check_private_key", "infected", "is_active",
		"mfa_disabled", "skip_app_launcher_login_page", "allow_all_headers", "allow_all_methods", "allow_all_origins",
		"allow_credentials", "deactivate_on_delete", "conditional_access_enabled", "support_groups", "sign_request",
		"enable_encryption", "restrict_to_account_members", "seat_deprovision", "user_deprovision",
		"group_member_deprovision", "mfa_configuration_allowed", "warp_auth_non_browser_401"}
)

// mistyped returns an error for each member of the wrong type. In YAML, the version 14.10 without quotes is the number
// 14.1, and no is a string.
func mistyped(k client.Kind, spec map[string]any) []error {
	return mistypedIn(string(k), "", spec)
}

func mistypedIn(place, path string, o map[string]any) (all []error) {
	names := specMembers[place]
	for _, name := range slices.Sorted(maps.Keys(o)) {
		here := join(path, name)
		list, _ := o[name].([]any)
		switch {
		case slices.Contains(ruleLists, name):
			for n, rule := range list {
				all = append(all, mistypedRule(item(here, n), rule)...)
			}
		case place == string(client.KindApplication) && name == "policies":
			for n, p := range list {
				if own, ok := p.(map[string]any); ok {
					all = append(all, mistypedIn(string(client.KindPolicy), item(here, n), own)...)
				} else if err := textual(item(here, n), p); err != nil {
					all = append(all, err)
				}
			}
		case slices.Contains(names, name) || name == "name" || name == "precedence":
			all = append(all, mistypedValue(place+"."+name, here, typeOf(place, name), o[name])...)
		}
	}
	return all
}

func mistypedValue(place, path, wanted string, v any) (all []error) {
	var err error
	switch v := v.(type) {
	case map[string]any:
		return mistypedIn(place, path, v)
	case []any:
		for n, one := range v {
			if o, isObject := one.(map[string]any); isObject {
				all = append(all, mistypedIn(place, item(path, n), o)...)
			} else if err := textual(item(path, n), one); err != nil {
				all = append(all, err)
			}
		}
		return all
	case nil:
	case string:
		if wanted == "boolean" {
			err = fmt.Errorf("%s must be true or false, not the string %q%s", path, v, meantBool(v))
		}
	default:
		switch wanted {
		case "boolean":
			if _, isBool := v.(bool); !isBool {
				err = fmt.Errorf("%s must be true or false", path)
			}
		case "number":
			if _, isNumber := v.(json.Number); !isNumber {
				err = fmt.Errorf("%s must be a number", path)
			}
		default:
			err = textual(path, v)
		}
	}
	if err != nil {
		all = append(all, err)
	}
	return all
}

// textual returns an error for a number or a boolean in place of a string.
func textual(path string, v any) error {
	name := path[strings.LastIndexByte(path, '.')+1:]
	if strings.HasSuffix(name, "]") {
		name = "-"
	} else {
		name += ":"
	}
	switch v := v.(type) {
	case json.Number:
		return fmt.Errorf("%s must be a string, not the number %s: quote it, as in %s %q", path, v, name, v.String())
	case bool:
		return fmt.Errorf("%s must be a string, not %v: quote it, as in %s %q", path, v, name, fmt.Sprint(v))
	}
	return nil
}

func meantBool(text string) string {
	switch strings.ToLower(text) {
	case "yes", "on", "y", "true":
		return ": write true"
	case "no", "off", "n", "false":
		return ": write false"
	}
	return ""
}

// mistypedRule checks the values of a rule: strings or lists of strings.
func mistypedRule(path string, rule any) (all []error) {
	o, _ := rule.(map[string]any)
	for _, selector := range slices.Sorted(maps.Keys(o)) {
		body, _ := o[selector].(map[string]any)
		for _, member := range slices.Sorted(maps.Keys(body)) {
			here := join(join(path, selector), member)
			values, isList := body[member].([]any)
			if !isList {
				values = []any{body[member]}
			}
			for _, v := range values {
				if err := textual(here, v); err != nil {
					all = append(all, err)
				}
			}
		}
	}
	return all
}
