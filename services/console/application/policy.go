package application

import (
	"encoding/json"
	"maps"
	"net/http"
	"strconv"

	"plumbline.dev/services/console/copyas"
	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/internal/ownedmember"
	"plumbline.dev/services/plumb/client"
)

// policyRow is a policy in a table.
type policyRow struct {
	client.Policy
	Path                      string
	Includes, Needs, Excludes []string
}

// Verb returns the decision for people.
func (p policyRow) Verb() string { return decision(p.Decision) }

// Kind returns the kind of the pill of the decision.
func (p policyRow) Kind() string {
	return map[string]string{"allow": "pass", "non_identity": "info", "bypass": "warn", "deny": "fail"}[p.Decision]
}

func newPolicyRow(p client.Policy, at string, n names) policyRow {
	row := policyRow{Policy: p, Path: at + "/" + p.ID}
	for _, part := range []struct {
		from []client.Rule
		to   *[]string
	}{{p.Include, &row.Includes}, {p.Require, &row.Needs}, {p.Exclude, &row.Excludes}} {
		for _, rule := range part.from {
			*part.to = append(*part.to, ruleText(rule, n))
		}
	}
	return row
}

// policyForm is the data of the form of a policy.
type policyForm struct {
	Form      *frame.Form
	New       bool
	Name      string
	App       string // id of the application; empty for a reusable policy
	Action    string
	Back      string
	Decisions []frame.Choice
	Selectors []frame.Choice
	Lists     []ruleList
	Known     []string
	Stored    client.Object // members of the stored policy
	Copies    []copyas.Text
}

type ruleList struct {
	Title, Hint, Error string
	Rows               []ruleRow
}

// place returns where the policies of a request are: of an application, or reusable ones.
func place(r *frame.Request) (c client.Collection[client.Policy], path, back string) {
	if id := r.PathValue("id"); id != "" {
		return r.API.ApplicationPolicies(id), root + "/" + id + policiesRoot, root + "/" + id
	}
	return r.API.Policies, policiesRoot, policiesRoot
}

func blankPolicy(r *frame.Request) error {
	f := frame.NewForm("decision", "non_identity", "include.0.selector", "service_token")
	return policyPage(r, &policyForm{Form: f, New: true}, 0)
}

func policyPage(r *frame.Request, d *policyForm, status int) error {
	n, err := readNames(r)
	if err != nil {
		return err
	}
	_, path, back := place(r)
	d.App, d.Action, d.Back, d.Decisions, d.Selectors = r.PathValue("id"), path, back, decisions(), selectors()
	title, nav := "New policy", root
	if !d.New {
		d.Action, title = path+"/"+r.PathValue("policy"), d.Name
	}
	crumbs := []frame.Crumb{appCrumb, {Text: "Application", Path: back}}
	if d.App == "" {
		nav, crumbs = policiesRoot, []frame.Crumb{{Text: "Policies", Path: policiesRoot}}
	}
	for _, l := range lists {
		d.Lists = append(d.Lists, ruleList{l.Title, l.Hint, d.Form.Errors[l.Name], rowsOf(d.Form, l.Name, l.Title)})
	}
	d.Known = n.All()
	if !d.New && d.Form.OK() {
		ownedmember.StripFixed(d.Stored)
		d.Copies = []copyas.Text{copyas.Curl(r.Person.Account, "PUT", "/access"+policyPath(r), d.Stored)}
	}
	return r.Page(frame.Page{Title: title, Nav: nav, Set: set, Name: "policy", Data: d, Status: status, Crumbs: crumbs})
}

// policyPath returns the path of the policy in the API, below /access.
func policyPath(r *frame.Request) string {
	if id := r.PathValue("id"); id != "" {
		return "/apps/" + id + "/policies/" + r.PathValue("policy")
	}
	return "/policies/" + r.PathValue("policy")
}

// bodyOf returns the policy that the form describes. The form shows each problem.
func bodyOf(f *frame.Form, n names) map[string]any {
	body := map[string]any{"name": f.Value("name"), "decision": f.Value("decision")}
	for _, l := range lists {
		body[l.Name] = readRules(f, l.Name, n)
	}
	if f.Value("name") == "" {
		f.Fail("name", "Enter a name.")
	}
	if include, _ := body["include"].([]client.Rule); len(include) == 0 {
		f.Fail("include", "A policy needs at least one rule here.")
	}
	if text := f.Value("precedence"); text != "" {
		p, err := strconv.Atoi(text)
		if err != nil || p < 1 {
			f.Fail("precedence", "Must be a whole number from 1.")
		}
		body["precedence"] = p
	}
	if text := f.Value("session_duration"); text != "" {
		body["session_duration"] = text
	}
	return body
}

func createPolicy(r *frame.Request) error {
	f, err := r.Form()
	if err != nil {
		return err
	}
	return store(r, map[string]any{}, func(c client.Collection[client.Policy], body map[string]any) error {
		_, err := c.Create(r.Context(), body)
		return err
	}, &policyForm{New: true, Form: f})
}

// store sets the members of a policy that the form of d has, and saves the policy. d is the page to show again if
// something is wrong.
func store(r *frame.Request, body map[string]any, save func(client.Collection[client.Policy], map[string]any) error,
	d *policyForm) error {
	n, err := readNames(r)
	if err != nil {
		return err
	}
	f := d.Form
	maps.Copy(body, bodyOf(f, n))
	if !f.OK() {
		return policyPage(r, d, http.StatusUnprocessableEntity)
	}
	c, _, back := place(r)
	err = save(c, body)
	if f.Refused(err) {
		return policyPage(r, d, http.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return r.Redirect(back, "Saved. Gateways apply it within moments.")
}

func showPolicy(r *frame.Request) error {
	c, _, _ := place(r)
	item, err := c.Get(r.Context(), r.PathValue("policy"))
	if err != nil {
		return err
	}
	n, err := readNames(r)
	if err != nil {
		return err
	}
	p, members, err := read(item)
	if err != nil {
		return err
	}
	f := frame.NewForm("name", p.Name, "decision", p.Decision, "session_duration", p.SessionDuration,
		"revision", item.Revision)
	if p.Precedence > 0 && r.PathValue("id") != "" {
		f.Values.Set("precedence", strconv.Itoa(p.Precedence))
	}
	for _, l := range lists {
		setRules(f, l.Name, rulesOf(members, l.Name), n)
	}
	return policyPage(r, &policyForm{Form: f, Name: p.Name, Stored: members}, 0)
}

// read returns a stored policy and its members. It returns a problem if the form cannot show the whole policy.
func read(item client.Item[client.Policy]) (p client.Policy, members client.Object, err error) {
	p = item.Value
	if !fits(p.Include, p.Require, p.Exclude) {
		return p, nil, &frame.Problem{Status: http.StatusConflict, Title: "The policy has too many rules for a form",
			Text: "The form takes at most " + strconv.Itoa(maxRules) + " rules of a kind. Change the policy with the API, " +
				"with plumb apply or with Terraform."}
	}
	return p, members, json.Unmarshal(item.Raw, &members)
}

// rulesOf returns the rules of a list of a stored policy, with the digits of their numbers.
func rulesOf(members client.Object, list string) (rules []client.Rule) {
	all, _ := members[list].([]any)
	for _, one := range all {
		if rule, ok := one.(map[string]any); ok {
			rules = append(rules, rule)
		}
	}
	return rules
}

// savePolicy changes the policy of the revision that the form was made from. The members that the form does not have
// stay.
func savePolicy(r *frame.Request) error {
	f, err := r.Form()
	if err != nil {
		return err
	}
	id := r.PathValue("policy")
	c, _, _ := place(r)
	item, err := c.Get(r.Context(), id)
	if err != nil {
		return err
	}
	stored, members, err := read(item)
	if err != nil {
		return err
	}
	ownedmember.StripFixed(members)
	delete(members, "session_duration") // the form has it unless it is empty
	return store(r, members, func(c client.Collection[client.Policy], body map[string]any) error {
		_, err := c.Replace(r.Context(), id, f.Value("revision"), body)
		return err
	}, &policyForm{Name: stored.Name, Form: f})
}

func removePolicy(r *frame.Request) error {
	c, _, back := place(r)
	err := c.Delete(r.Context(), r.PathValue("policy"))
	if conflict(err) {
		return &frame.Problem{Status: http.StatusConflict, Title: "The policy was not deleted", Text: err.Error()}
	}
	if err != nil {
		return err
	}
	return r.Redirect(back, "The policy was deleted.")
}
