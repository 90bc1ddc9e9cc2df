package application

import (
	"encoding/json"
	"net/http"
	"strconv"

	"plumbline.dev/services/console/copyas"
	"plumbline.dev/services/console/frame"
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
		d.Copies = []copyas.Text{copyas.Curl(r.Person.Account, "PUT", "/access"+policyPath(r), bodyOf(d.Form, n))}
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

// bodyOf returns the policy that the form describes. What is wrong is noted in the form.
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
	return store(r, func(c client.Collection[client.Policy], body map[string]any) error {
		_, err := c.Create(r.Context(), body)
		return err
	}, &policyForm{New: true})
}

// store reads the form and saves the policy. d is the page to show again if something is wrong.
func store(r *frame.Request, save func(client.Collection[client.Policy], map[string]any) error, d *policyForm) error {
	f, err := r.Form()
	if err != nil {
		return err
	}
	n, err := readNames(r)
	if err != nil {
		return err
	}
	d.Form = f
	body := bodyOf(f, n)
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
	p := item.Value
	f := frame.NewForm("name", p.Name, "decision", p.Decision, "session_duration", p.SessionDuration)
	if p.Precedence > 0 && r.PathValue("id") != "" {
		f.Values.Set("precedence", strconv.Itoa(p.Precedence))
	}
	setRules(f, "include", p.Include, n)
	setRules(f, "require", p.Require, n)
	setRules(f, "exclude", p.Exclude, n)
	return policyPage(r, &policyForm{Form: f, Name: p.Name}, 0)
}

// kept are the members of a stored policy that the form does not have, and a save keeps.
var kept = []string{"approval_groups", "approval_required", "connection_rules", "isolation_required", "mfa_config",
	"purpose_justification_prompt", "purpose_justification_required", "precedence"}

func savePolicy(r *frame.Request) error {
	id := r.PathValue("policy")
	c, _, _ := place(r)
	stored, err := c.Get(r.Context(), id)
	if err != nil {
		return err
	}
	var members map[string]any
	if err := json.Unmarshal(stored.Raw, &members); err != nil {
		return err
	}
	return store(r, func(c client.Collection[client.Policy], body map[string]any) error {
		for _, name := range kept {
			if _, there := body[name]; !there && members[name] != nil {
				body[name] = members[name]
			}
		}
		_, err := c.Replace(r.Context(), id, stored.Revision, body)
		return err
	}, &policyForm{Name: stored.Value.Name})
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
