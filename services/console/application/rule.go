package application

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/internal/policy"
	"plumbline.dev/services/plumb/client"
)

// asJSON is the selector in the form of a rule that has several members: its value is the rule in JSON.
const asJSON = "json"

// titles are the names of selectors for people. A selector without one is shown as it is.
var titles = map[string]string{
	"any_valid_service_token": "Any service token", "service_token": "Service token", "everyone": "Everyone",
	"email": "E-mail address", "email_domain": "E-mail addresses ending in", "ip": "IP range", "group": "Group",
	"device_posture": "Posture check passed", "login_method": "Login method", "certificate": "Any client certificate",
	"common_name": "Common name of the certificate", "auth_method": "Authentication method",
}

func title(selector string) string {
	if t := titles[selector]; t != "" {
		return t
	}
	return selector
}

// selectors returns the selectors that a row of the form can have.
func selectors() []frame.Choice {
	all := []frame.Choice{{Value: "", Text: "Choose a selector"}}
	for _, s := range policy.Selectors() {
		if s.Evaluated() && (s.Value != "" || len(s.Members) == 0) {
			all = append(all, frame.Choice{Value: s.Name, Text: title(s.Name)})
		}
	}
	return append(all, frame.Choice{Value: asJSON, Text: "Another rule, as JSON"})
}

// ruleText returns a rule for people.
func ruleText(rule client.Rule, n names) string {
	selector, value := ruleFields(rule, n)
	if selector == asJSON {
		return value
	}
	return strings.TrimSpace(title(selector) + " " + value)
}

// ruleFields returns the selector and the value of a row of the form. A name stands for the id of a resource.
func ruleFields(rule client.Rule, n names) (selector, value string) {
	for name, body := range rule {
		s, known := policy.FindSelector(name)
		members, isObject := body.(map[string]any)
		if len(rule) != 1 || !known || !isObject {
			break
		}
		if len(members) == 0 && len(s.Members) == 0 {
			return name, ""
		}
		text, isText := members[s.Value].(string)
		if s.Value == "" || len(members) != 1 || !isText {
			break
		}
		if called := n[s.Refs[s.Value]][text]; called != "" {
			text = called
		}
		return name, text
	}
	b, err := json.Marshal(rule)
	if err != nil {
		return asJSON, "{}"
	}
	return asJSON, string(b)
}

// parse returns the rule of a row of the form, or a sentence about what is wrong with it.
func parse(selector, value string, n names) (rule client.Rule, problem string) {
	if selector == asJSON {
		if json.Unmarshal([]byte(value), &rule) != nil || len(rule) != 1 {
			return nil, `Enter one selector as JSON, such as {"email":{"email":"ann@example.com"}}.`
		}
		return rule, ""
	}
	s, known := policy.FindSelector(selector)
	switch {
	case !known:
		return nil, "Choose a selector."
	case len(s.Members) == 0:
		return client.Rule{selector: map[string]any{}}, ""
	case value == "":
		return nil, fmt.Sprintf("%s needs a value.", title(selector))
	}
	if kind := s.Refs[s.Value]; kind != "" {
		id, ambiguous := n.find(kind, value)
		switch {
		case ambiguous:
			return nil, fmt.Sprintf("Several have the name %q: enter an id.", value)
		case id == "":
			return nil, fmt.Sprintf("%s: nothing has the name or id %q.", title(selector), value)
		}
		value = id
	}
	return client.Rule{selector: map[string]any{s.Value: value}}, ""
}

// lists are the lists of rules of a policy.
var lists = []struct{ Name, Title, Hint string }{
	{"include", "Include", "At least one of these must match."},
	{"require", "Require", "Each of these must match, such as a posture check."},
	{"exclude", "Exclude", "None of these may match."},
}

// ruleRow is a row of the form. Its fields are named LIST.NUMBER.selector and LIST.NUMBER.value.
type ruleRow struct {
	Name, Label, Selector, Value, Error string
}

// rowsOf returns the rows of a list in the form, and empty ones after them.
func rowsOf(f *frame.Form, list, label string) []ruleRow {
	var rows []ruleRow
	free := 0
	for n := 0; free < 2 && n < maxRules; n++ {
		name := list + "." + strconv.Itoa(n)
		row := ruleRow{
			name,
			label + " rule " + strconv.Itoa(n+1),
			f.Value(name + ".selector"),
			f.Value(name + ".value"),
			f.Errors[name],
		}
		if row.Selector == "" && row.Value == "" {
			free++
		}
		rows = append(rows, row)
	}
	return rows
}

// maxRules bounds the rules of a list in the form.
const maxRules = 200

// readRules returns the rules of a list of the form. Empty rows are left out.
func readRules(f *frame.Form, list string, n names) []client.Rule {
	rules := []client.Rule{}
	for _, i := range rowNumbers(f, list) {
		name := list + "." + strconv.Itoa(i)
		selector, value := f.Value(name+".selector"), f.Value(name+".value")
		if selector == "" && value == "" {
			continue
		}
		rule, problem := parse(selector, value, n)
		if problem != "" {
			f.Fail(name, problem)
			continue
		}
		rules = append(rules, rule)
	}
	return rules
}

// rowNumbers returns the numbers of the rows that the form sent for a list, in order.
func rowNumbers(f *frame.Form, list string) []int {
	seen := map[int]bool{}
	for name := range f.Values {
		rest, ok := strings.CutPrefix(name, list+".")
		number, _, _ := strings.Cut(rest, ".")
		if n, err := strconv.Atoi(number); ok && err == nil && n >= 0 && n < maxRules {
			seen[n] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// setRules sets the rows of a list from the rules of a stored policy.
func setRules(f *frame.Form, list string, rules []client.Rule, n names) {
	for i, rule := range rules {
		selector, value := ruleFields(rule, n)
		name := list + "." + strconv.Itoa(i)
		f.Values.Set(name+".selector", selector)
		f.Values.Set(name+".value", value)
	}
}
