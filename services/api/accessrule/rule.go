// Package accessrule reads the rules of policies and groups of Access, and finds what they name.
package accessrule

import (
	"bytes"
	"encoding/json"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/policy"
)

// Read reads the rule objects of a member; absent and null mean no rules. Null members of a rule are ignored:
// clients remove a selector that way.
func Read(body v4.Object, member string) ([]proto.Rule, error) {
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

// View returns rules as they were sent, never nil.
func View(rules []proto.Rule) []map[string]json.RawMessage {
	views := make([]map[string]json.RawMessage, len(rules))
	for n, r := range rules {
		views[n] = map[string]json.RawMessage{r.Selector: r.Body}
	}
	return views
}

// Same reports whether two lists have the same rules, with bodies of the same bytes, in the same order.
func Same(a, b []proto.Rule) bool {
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

// Any reports whether is reports true for a rule of the lists.
func Any(is func(proto.Rule) bool, lists ...[]proto.Rule) bool {
	for _, rules := range lists {
		for _, r := range rules {
			if is(r) {
				return true
			}
		}
	}
	return false
}

// Names reports whether the member of a rule's body is the id.
func Names(r proto.Rule, member string, id proto.ID) bool {
	named, ok := ID(r, member)
	return ok && named == id
}

// ID returns the id in a member of a rule's body.
func ID(r proto.Rule, member string) (proto.ID, bool) {
	text, _ := v4.Decode(r.Body).Text(member)
	id, err := proto.ParseID(text)
	return id, err == nil
}
