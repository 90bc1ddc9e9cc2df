package application

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

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

// ruleFields returns the selector and the value of a row of the form, from which [parse] makes the same rule. A name
// stands for the id of a resource.
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
		if s.Value == "" || len(members) != 1 || !isText || text == "" || !typeable(text) {
			break
		}
		return name, n.called(s.Refs[s.Value], text)
	}
	b, err := json.Marshal(rule)
	if err != nil {
		return asJSON, "{}"
	}
	return asJSON, string(b)
}

// typeable reports whether a field of a form keeps a text as it is.
func typeable(text string) bool {
	return strings.TrimSpace(text) == text && !strings.ContainsFunc(text, unicode.IsControl)
}

// parse returns the rule of a row of the form, or a sentence about what is wrong with it.
func parse(selector, value string, n names) (rule client.Rule, problem string) {
	if selector == asJSON {
		var o client.Object
		if json.Unmarshal([]byte(value), &o) != nil || len(o) != 1 {
			return nil, `Enter one selector as JSON, such as {"email":{"email":"ann@example.com"}}.`
		}
		return client.Rule(o), ""
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

// freeRows is how many empty rows follow the rules of a list.
const freeRows = 2

// maxRules bounds the rules of a list in the form. The API has a higher limit.
const maxRules = 1000

// maxNumber bounds the numbers of rows. No form within its size has a higher one.
const maxNumber = 1 << 20

// fits reports whether the form can show every rule of a policy.
func fits(lists ...[]client.Rule) bool {
	return !slices.ContainsFunc(lists, func(l []client.Rule) bool { return len(l) > maxRules })
}

// rowsOf returns the rows of a list in the form, without empty ones between them, and empty ones after them.
func rowsOf(f *frame.Form, list, label string) []ruleRow {
	var rows []ruleRow
	next := 0
	for _, n := range rowNumbers(f, list) {
		row := rowOf(f, list, n)
		row.Label = label + " rule " + strconv.Itoa(len(rows)+1)
		rows, next = append(rows, row), n+1
	}
	for n := range freeRows {
		rows = append(rows, ruleRow{Name: list + "." + strconv.Itoa(next+n),
			Label: label + " rule " + strconv.Itoa(len(rows)+1)})
	}
	return rows
}

func rowOf(f *frame.Form, list string, n int) ruleRow {
	name := list + "." + strconv.Itoa(n)
	return ruleRow{Name: name, Selector: f.Value(name + ".selector"), Value: f.Value(name + ".value"),
		Error: f.Errors[name]}
}

// readRules returns the rules of a list of the form. Empty rows are left out.
func readRules(f *frame.Form, list string, n names) []client.Rule {
	rules := []client.Rule{}
	numbers := rowNumbers(f, list)
	if len(numbers) > maxRules {
		f.Fail(list, "The form takes at most "+strconv.Itoa(maxRules)+" rules. The API and plumb apply take more.")
		return rules
	}
	for _, i := range numbers {
		row := rowOf(f, list, i)
		rule, problem := parse(row.Selector, row.Value, n)
		if problem != "" {
			f.Fail(row.Name, problem)
			continue
		}
		rules = append(rules, rule)
	}
	return rules
}

// rowNumbers returns the numbers of the rows of a list in the form that are not empty, in order.
func rowNumbers(f *frame.Form, list string) []int {
	seen := map[int]bool{}
	for name := range f.Values {
		rest, ok := strings.CutPrefix(name, list+".")
		number, _, _ := strings.Cut(rest, ".")
		n, err := strconv.Atoi(number)
		if !ok || err != nil || n < 0 || n > maxNumber {
			continue
		}
		if row := rowOf(f, list, n); row.Selector != "" || row.Value != "" {
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
