package cloudflare

import (
	"cmp"
	"maps"
	"slices"
)

func normaliseRules(o map[string]any) {
	for _, part := range []string{"include", "exclude", "require"} {
		o[part] = rulesOf(o[part])
	}
}

// member is the member of a rule object that a provider of version 4 left out, by selector.
var member = map[string]string{
	"email": "email", "email_domain": "domain", "ip": "ip", "group": "id", "service_token": "token_id", "device_posture": "integration_uid",
	"login_method": "id", "common_name": "common_name", "auth_method": "auth_method", "geo": "country_code", "email_list": "id", "ip_list": "id",
}

// selectors are those that Terraform calls by another name than the API (contract.md 4.3): in version 5 of the
// provider the first of each pair, in version 4 the second.
var selectors = map[string]string{
	"azure_ad": "azureAD", "azure": "azureAD", "github_organization": "github-organization", "github": "github-organization",
}

// several are the members that hold a list in version 4 of the provider, and one value in a rule of the API.
var several = map[string]string{"id": "id", "name": "name", "email": "email", "teams": "team"}

// split makes of a rule that has a list in such a member one for each value.
func split(body map[string]any) []map[string]any {
	for _, from := range slices.Sorted(maps.Keys(several)) {
		list, ok := body[from].([]any)
		if !ok {
			continue
		}
		all := make([]map[string]any, max(1, len(list)))
		for n := range all {
			all[n] = maps.Clone(body)
			delete(all[n], from)
			if n < len(list) {
				all[n][several[from]] = list[n]
			}
		}
		return all
	}
	return []map[string]any{body}
}

// rulesOf takes rules as version 5 has them, one selector each, and as version 4 has them: a list of values
// for each selector, true for one that has none.
func rulesOf(v any) []any {
	list, _ := v.([]any)
	rules := []any{}
	for _, one := range list {
		given, _ := one.(map[string]any)
		for _, theirs := range slices.Sorted(maps.Keys(given)) {
			name := cmp.Or(selectors[theirs], theirs)
			switch body := given[theirs].(type) {
			case map[string]any:
				rules = append(rules, map[string]any{name: body})
			case bool:
				if body {
					rules = append(rules, map[string]any{name: map[string]any{}})
				}
			case string:
				if body != "" && member[name] != "" {
					rules = append(rules, map[string]any{name: map[string]any{member[name]: body}})
				}
			case []any:
				for _, value := range body {
					if inner, isObject := value.(map[string]any); isObject {
						for _, each := range split(inner) {
							rules = append(rules, map[string]any{name: each})
						}
					} else if member[name] != "" {
						rules = append(rules, map[string]any{name: map[string]any{member[name]: value}})
					}
				}
			}
		}
	}
	return rules
}
