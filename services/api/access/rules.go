package access

import (
	"bytes"
	"encoding/json"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/policy"
)

// readRules reads the rule objects of a member; absent and null mean no rules. Null members of a rule are ignored:
// clients remove a selector that way.
func readRules(body v4.Object, member string) ([]proto.Rule, error) {
	if !body.Has(member) {
		return nil, nil
	}
	var sent []v4.Object
	if json.Unmarshal(body[member], &sent) != nil {
		return nil, v4.Invalid("%s must be a list of rule objects", member)
	}
	rules := make([]proto.Rule, 0, len(sent))
	for n, o := range sent {
		var r proto.Rule
		for selector, rule := range o {
			if v4.IsNull(rule) {
				continue
			}
			if r.Selector != "" {
				return nil, v4.Invalid("%s[%d] must have exactly one selector, such as service_token", member, n)
			}
			r = proto.Rule{Selector: selector, Body: rule}
		}
		if r.Selector == "" {
			return nil, v4.Invalid("%s[%d] must have exactly one selector, such as service_token", member, n)
		}
		if v, err := v4.DecodeAny(r.Body); err == nil && v4.StripSecrets(v) {
			return nil, v4.Invalid("%s[%d].%s has a secret, which would be stored and returned with the rule: remove it", member,
				n, v4.Clip(r.Selector))
		}
		if err := checkRule(r); err != nil {
			return nil, v4.Invalid("%s[%d].%s %s", member, n, v4.Clip(r.Selector), err)
		}
		rules = append(rules, r)
	}
	return rules, nil
}

type ruleError string

func (e ruleError) Error() string { return string(e) }

func checkRule(r proto.Rule) error {
	selector, known := policy.FindSelector(r.Selector)
	if !known || selector.Unchecked {
		return nil // stored as sent, never matches
	}
	var body v4.Object
	if json.Unmarshal(r.Body, &body) != nil || body == nil {
		return ruleError("must be an object")
	}
	for _, name := range selector.Members {
		if v, err := body.Text(name); err != nil || v == "" {
			return ruleError("needs " + name)
		}
	}
	if check := ruleValues[r.Selector]; check != nil {
		value, _ := body.Text(selector.Members[0])
		return check(value)
	}
	return nil
}

// viewRules returns rules as they were sent, never nil.
func viewRules(rules []proto.Rule) []map[string]json.RawMessage {
	views := make([]map[string]json.RawMessage, len(rules))
	for n, r := range rules {
		views[n] = map[string]json.RawMessage{r.Selector: r.Body}
	}
	return views
}

func sameRules(a, b []proto.Rule) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Selector != b[i].Selector || !bytes.Equal(a[i].Body, b[i].Body) {
			return false
		}
	}
	return true
}
