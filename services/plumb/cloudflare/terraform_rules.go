package cloudflare

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// selector is how a selector of Terraform's is written in a rule of the API (contract.md 4.3).
type selector struct {
	name  string            // in the API
	value string            // the member that a bare value is, or each of a list; empty: none may be
	needs []string          // members that every rule has
	lists map[string]string // members that hold a list in version 4 of the provider, and one value each in the API
}

var selectors = map[string]selector{
	"email":                     {name: "email", value: "email", needs: []string{"email"}},
	"email_domain":              {name: "email_domain", value: "domain", needs: []string{"domain"}},
	"email_list":                {name: "email_list", value: "id", needs: []string{"id"}},
	"ip":                        {name: "ip", value: "ip", needs: []string{"ip"}},
	"ip_list":                   {name: "ip_list", value: "id", needs: []string{"id"}},
	"geo":                       {name: "geo", value: "country_code", needs: []string{"country_code"}},
	"group":                     {name: "group", value: "id", needs: []string{"id"}},
	"service_token":             {name: "service_token", value: "token_id", needs: []string{"token_id"}},
	"device_posture":            {name: "device_posture", value: "integration_uid", needs: []string{"integration_uid"}},
	"login_method":              {name: "login_method", value: "id", needs: []string{"id"}},
	"common_name":               {name: "common_name", value: "common_name", needs: []string{"common_name"}},
	"common_names":              {name: "common_name", value: "common_name", needs: []string{"common_name"}},
	"auth_method":               {name: "auth_method", value: "auth_method", needs: []string{"auth_method"}},
	"everyone":                  {name: "everyone"},
	"certificate":               {name: "certificate"},
	"any_valid_service_token":   {name: "any_valid_service_token"},
	"auth_context":              {name: "auth_context", needs: []string{"id", "ac_id", "identity_provider_id"}},
	"azure_ad":                  azure,
	"azure":                     azure,
	"azureAD":                   azure,
	"github_organization":       github,
	"github-organization":       github,
	"github":                    github,
	"gsuite":                    {name: "gsuite", needs: []string{"email", "identity_provider_id"}, lists: map[string]string{"email": "email"}},
	"okta":                      {name: "okta", needs: []string{"name", "identity_provider_id"}, lists: map[string]string{"name": "name"}},
	"saml":                      {name: "saml", needs: []string{"attribute_name", "attribute_value", "identity_provider_id"}},
	"oidc":                      {name: "oidc", needs: []string{"claim_name", "claim_value", "identity_provider_id"}},
	"external_evaluation":       {name: "external_evaluation", needs: []string{"evaluate_url", "keys_url"}},
	"linked_app_token":          {name: "linked_app_token", needs: []string{"app_uid"}},
	"user_risk_score":           {name: "user_risk_score", value: "", needs: []string{"user_risk_score"}},
	"cloudflare_account_member": {name: "cloudflare_account_member"},
}

var (
	azure  = selector{name: "azureAD", needs: []string{"id", "identity_provider_id"}, lists: map[string]string{"id": "id"}}
	github = selector{name: "github-organization", needs: []string{"name", "identity_provider_id"}, lists: map[string]string{"teams": "team"}}
)

// normaliseRules brings the rules of a policy or a group into the form of the API, and returns what cannot be.
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
				problems = append(problems, fmt.Sprintf("%s[%d]: it is not a rule", part, n))
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

// rulesOf takes one selector as version 5 has it, an object, and as version 4 has it: a value or a list of values,
// true where it has none, and a list of blocks.
func rulesOf(theirs string, v any) ([]any, error) {
	if isZero(v) {
		if o, isObject := v.(map[string]any); !isObject || o == nil {
			return nil, nil // the provider writes every selector of a rule, and this one is not used
		}
	}
	s, known := selectors[theirs]
	if !known {
		return nil, fmt.Errorf("the selector is not known")
	}
	list, isList := v.([]any)
	if !isList {
		list = []any{v}
	}
	var rules []any
	for _, one := range list {
		bodies, err := s.bodies(one)
		if err != nil {
			return nil, err
		}
		for _, body := range bodies {
			rules = append(rules, map[string]any{s.name: body})
		}
	}
	return rules, nil
}

// bodies are the bodies of the rules that a value of the selector means.
func (s selector) bodies(v any) ([]map[string]any, error) {
	switch v := v.(type) {
	case bool:
		if len(s.needs) > 0 || !v {
			return nil, fmt.Errorf("the value %v does not fit the selector", v)
		}
		return []map[string]any{{}}, nil
	case string:
		if s.value == "" || v == "" {
			return nil, fmt.Errorf("the value %q does not fit the selector", v)
		}
		return []map[string]any{{s.value: v}}, nil
	case map[string]any:
		all, err := s.split(v)
		for _, body := range all {
			for _, name := range s.needs {
				if isZero(body[name]) && err == nil {
					err = fmt.Errorf("%s is missing", name)
				}
			}
		}
		return all, err
	}
	return nil, fmt.Errorf("a value of this form does not fit the selector")
}

// split makes of a body that has a list in such a member one for each value.
func (s selector) split(body map[string]any) ([]map[string]any, error) {
	body = maps.Clone(body)
	for name, v := range body {
		if v == nil || v == "" {
			delete(body, name)
		}
	}
	for _, from := range slices.Sorted(maps.Keys(s.lists)) {
		list, ok := body[from].([]any)
		if !ok {
			continue
		}
		to := s.lists[from]
		delete(body, from)
		if len(list) == 0 {
			return []map[string]any{body}, nil
		}
		all := make([]map[string]any, len(list))
		for n, value := range list {
			if text, isText := value.(string); !isText || strings.TrimSpace(text) == "" {
				return nil, fmt.Errorf("%s has a value that is no text", from)
			}
			all[n] = maps.Clone(body)
			all[n][to] = value
		}
		return all, nil
	}
	return []map[string]any{body}, nil
}

// isZero reports whether a value says nothing: version 4 of the provider writes every member.
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
