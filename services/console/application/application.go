package application

import (
	"embed"
	"errors"
	"net/http"
	"strings"

	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/plumb/client"
)

//go:embed *.html
var files embed.FS

var set = frame.Parse(files)

const (
	root         = "/applications"
	policiesRoot = "/policies"
)

// Register adds the screens of applications and policies.
func Register(f *frame.Frame) {
	f.Get(root, list)
	f.Get(root+"/new", blank)
	f.Post(root, create)
	f.Get(root+"/{id}", show)
	f.Post(root+"/{id}", save)
	f.Get(root+"/{id}/delete", confirm)
	f.Post(root+"/{id}/delete", remove)
	f.Post(root+"/{id}/revoke", revoke)
	f.Post(root+"/{id}/test", startTest)
	f.Get(root+"/{id}/test/{test}", showTest)
	f.Get(policiesRoot, listPolicies)
	for _, at := range []string{root + "/{id}/policies", policiesRoot} {
		f.Get(at+"/new", blankPolicy)
		f.Post(at, createPolicy)
		f.Get(at+"/{policy}", showPolicy)
		f.Post(at+"/{policy}", savePolicy)
		f.Post(at+"/{policy}/delete", removePolicy)
	}
}

// status returns the HTTP status of an error of the API, or 0.
func status(err error) int {
	if e, ok := errors.AsType[*client.Error](err); ok {
		return e.Status
	}
	return 0
}

// decisions are the decisions of a policy with their names for people, in the order of the form.
func decisions() []frame.Choice {
	return []frame.Choice{{Value: "allow", Text: "Allow: people who log in"},
		{Value: "non_identity", Text: "Service Auth: programs with a service token"},
		{Value: "bypass", Text: "Bypass: everyone, without a login"}, {Value: "deny", Text: "Block"}}
}

// decision returns the short name of a decision.
func decision(name string) string {
	for _, c := range decisions() {
		if c.Value == name {
			short, _, _ := strings.Cut(c.Text, ":")
			return short
		}
	}
	return name
}

// app is an application as the screens show it.
type app struct{ client.Application }

// Hosts returns the hosts.
func (a app) Hosts() []string {
	var all []string
	for _, d := range a.Destinations {
		if public(d.Type) && d.URI != "" {
			all = append(all, d.URI)
		}
	}
	if len(all) == 0 && a.Domain != "" {
		all = append(all, a.Domain)
	}
	return all
}

// Others returns the destinations that are no hosts, as texts. The form keeps them.
func (a app) Others() []string {
	var all []string
	for _, d := range a.Destinations {
		if !public(d.Type) {
			all = append(all, strings.TrimSpace(d.Type+" "+d.URI))
		}
	}
	return all
}

// Summary returns the decisions of the policies in order, such as "Service Auth, Allow".
func (a app) Summary() string {
	var all []string
	for _, p := range a.Policies {
		all = append(all, decision(p.Decision))
	}
	return strings.Join(all, ", ")
}

func list(r *frame.Request) error {
	items, err := r.API.Applications.List(r.Context())
	if err != nil {
		return err
	}
	all := make([]app, len(items))
	for n, i := range items {
		all[n] = app{i.Value}
	}
	return r.Page(frame.Page{Title: "Applications", Nav: root, Set: set, Name: "applications", Data: all})
}

func listPolicies(r *frame.Request) error {
	items, err := r.API.Policies.List(r.Context())
	if err != nil {
		return err
	}
	names, err := readNames(r)
	if err != nil {
		return err
	}
	all := make([]policyRow, len(items))
	for n, i := range items {
		all[n] = newPolicyRow(i.Value, policiesRoot, names)
	}
	return r.Page(frame.Page{Title: "Policies", Nav: policiesRoot, Set: set, Name: "policies", Data: all})
}

var appCrumb = frame.Crumb{Text: "Applications", Path: root}

// conflict reports whether the API refused an action because of the state of the resource.
func conflict(err error) bool {
	s := status(err)
	return s == http.StatusBadRequest || s == http.StatusConflict
}
