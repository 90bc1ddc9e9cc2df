package application

import (
	"encoding/json"

	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/plumb/client"
)

// test is the data of the page of a policy test.
type test struct {
	App     string
	Test    client.PolicyTest
	Blocked []client.PolicyTestUser
	Allowed []client.PolicyTestUser
}

// Path returns the path of the test's page.
func (t *test) Path() string { return root + "/" + t.App + "/test/" + t.Test.ID }

// Running reports whether the test is not over.
func (t *test) Running() bool { return t.Test.Status == client.PolicyTestProcessing }

// startTest tests the policies of an application as they are stored.
func startTest(r *frame.Request) error {
	item, err := r.API.Applications.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	var members struct {
		Policies []map[string]any `json:"policies"`
	}
	if err := json.Unmarshal(item.Raw, &members); err != nil {
		return err
	}
	policies := []any{}
	for _, p := range members.Policies {
		body := map[string]any{}
		for _, name := range []string{"name", "decision", "include", "exclude", "require", "precedence"} {
			if p[name] != nil {
				body[name] = p[name]
			}
		}
		policies = append(policies, body)
	}
	id, err := r.API.StartPolicyTest(r.Context(), policies)
	if err != nil {
		return err
	}
	return r.Redirect(root+"/"+r.PathValue("id")+"/test/"+id, "")
}

// shownUsers bounds the users of each status on the page of a test.
const shownUsers = 100

func showTest(r *frame.Request) error {
	item, err := r.API.PolicyTest(r.Context(), r.PathValue("test"))
	if err != nil {
		return err
	}
	d := &test{App: r.PathValue("id"), Test: item.Value}
	if !d.Running() {
		for status, to := range map[string]*[]client.PolicyTestUser{"blocked": &d.Blocked, "approved": &d.Allowed} {
			users, err := r.API.PolicyTestUsers(r.Context(), d.Test.ID, status, shownUsers)
			if err != nil {
				return err
			}
			for _, u := range users {
				*to = append(*to, u.Value)
			}
		}
	}
	return r.Page(frame.Page{Title: "Policy test", Nav: root, Set: set, Name: "test-page", Data: d,
		Crumbs: []frame.Crumb{appCrumb, {Text: "Application", Path: root + "/" + d.App}}})
}
