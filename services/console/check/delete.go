package check

import (
	"errors"
	"net/http"
	"slices"

	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/plumb/client"
)

// deletion is the data of the page before a check is deleted.
type deletion struct {
	client.Check
	Users   []user // policies, groups and applications that require the check
	Partial bool   // the person may not read some of them
	Problem string
}

// user is a resource that requires a check.
type user struct{ Kind, Name, Path string }

func confirm(r *frame.Request) error {
	d, err := whatBreaks(r)
	if err != nil {
		return err
	}
	return confirmPage(r, d, 0)
}

func confirmPage(r *frame.Request, d *deletion, status int) error {
	return r.Page(frame.Page{Title: "Delete", Nav: root, Set: set, Name: "delete", Data: d, Status: status,
		Crumbs: []frame.Crumb{{Text: "Checks", Path: root}, {Text: d.Name, Path: root + "/" + d.ID}}})
}

func remove(r *frame.Request) error {
	d, err := whatBreaks(r)
	if err != nil {
		return err
	}
	err = r.API.Checks.Delete(r.Context(), d.ID)
	e, ok := errors.AsType[*client.Error](err)
	if ok && (e.Status == http.StatusBadRequest || e.Status == http.StatusConflict) {
		d.Problem = e.Message
		return confirmPage(r, d, http.StatusConflict)
	}
	if err != nil {
		return err
	}
	return r.Redirect(root, d.Name+" was deleted.")
}

// whatBreaks returns the check with what requires it.
func whatBreaks(r *frame.Request) (*deletion, error) {
	item, err := load(r)
	if err != nil {
		return nil, err
	}
	d := &deletion{Check: item.Value}
	policies, err := r.API.Policies.List(r.Context())
	if err = d.allowed(err); err != nil {
		return nil, err
	}
	for _, p := range policies {
		d.uses(user{"Policy", p.Value.Name, "/policies/" + p.Value.ID}, p.Value.Include, p.Value.Exclude, p.Value.Require)
	}
	apps, err := r.API.Applications.List(r.Context())
	if err = d.allowed(err); err != nil {
		return nil, err
	}
	for _, a := range apps {
		for _, p := range a.Value.Policies {
			d.uses(user{"Application", a.Value.Name, "/applications/" + a.Value.ID}, p.Include, p.Exclude, p.Require)
		}
	}
	groups, err := r.API.Groups.List(r.Context())
	if err = d.allowed(err); err != nil {
		return nil, err
	}
	for _, g := range groups {
		d.uses(user{Kind: "Group", Name: g.Value.Name}, g.Value.Include, g.Value.Exclude, g.Value.Require)
	}
	return d, nil
}

// allowed notes an error that denies a list, and returns any other.
func (d *deletion) allowed(err error) error {
	if denied(err) {
		d.Partial = true
		return nil
	}
	return err
}

// uses notes a resource if one of its rules names the check.
func (d *deletion) uses(u user, rules ...[]client.Rule) {
	for _, rule := range slices.Concat(rules...) {
		of, _ := rule["device_posture"].(map[string]any)
		if id, _ := of["integration_uid"].(string); id == d.ID && !slices.Contains(d.Users, u) {
			d.Users = append(d.Users, u)
		}
	}
}
