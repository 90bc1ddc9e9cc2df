package integration

import (
	"errors"
	"net/http"
	"slices"

	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/plumb/client"
)

func pollNow(r *frame.Request) error {
	id := r.PathValue("id")
	if _, err := r.API.PollNow(r.Context(), id); err != nil {
		return err
	}
	return r.Redirect(root+"/"+id, "A poll has begun.")
}

// pause returns the action that pauses or resumes an integration.
func pause(paused bool) frame.Handler {
	message := "Resumed. A poll begins now."
	if paused {
		message = "Paused. Results stay until they expire."
	}
	return func(r *frame.Request) error {
		id := r.PathValue("id")
		if _, err := r.API.Integrations.Update(r.Context(), id, map[string]any{"x_paused": paused}); err != nil {
			return err
		}
		return r.Redirect(root+"/"+id, message)
	}
}

// deletion is the data of the page before an integration is deleted.
type deletion struct {
	client.Integration
	Checks  []client.Check
	Users   []user // policies, groups and applications that require one of the checks
	Partial bool   // the person may not read some of them
	Problem string
}

// user is a resource that requires a check.
type user struct{ Kind, Name, Check string }

// confirm says what a deletion breaks.
func confirm(r *frame.Request) error {
	d, err := whatBreaks(r)
	if err != nil {
		return err
	}
	return confirmPage(r, d, 0)
}

func confirmPage(r *frame.Request, d *deletion, status int) error {
	return r.Page(frame.Page{Title: "Delete", Nav: root, Set: set, Name: "delete", Data: d, Status: status,
		Crumbs: []frame.Crumb{{Text: "Integrations", Path: root}, {Text: d.Name, Path: root + "/" + d.ID}}})
}

func remove(r *frame.Request) error {
	d, err := whatBreaks(r)
	if err != nil {
		return err
	}
	err = r.API.Integrations.Delete(r.Context(), d.ID)
	if e, ok := errors.AsType[*client.Error](err); ok && e.Status >= 400 && e.Status < 500 && !denied(err) {
		d.Problem = e.Message
		return confirmPage(r, d, http.StatusConflict)
	}
	if err != nil {
		return err
	}
	return r.Redirect(root, d.Name+" was deleted.")
}

func whatBreaks(r *frame.Request) (*deletion, error) {
	item, err := r.API.Integrations.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	d := &deletion{Integration: item.Value}
	if d.Checks, err = checksOf(r, item.Value.ID); err != nil || len(d.Checks) == 0 {
		return d, err
	}
	return d, d.findUsers(r)
}

// findUsers lists what requires one of the checks.
func (d *deletion) findUsers(r *frame.Request) error {
	policies, err := r.API.Policies.List(r.Context())
	if err != nil && !denied(err) {
		return err
	}
	d.Partial = denied(err)
	for _, p := range policies {
		d.uses("Policy", p.Value.Name, p.Value.Include, p.Value.Exclude, p.Value.Require)
	}
	apps, err := r.API.Applications.List(r.Context())
	if err != nil && !denied(err) {
		return err
	}
	d.Partial = d.Partial || denied(err)
	for _, a := range apps {
		for _, p := range a.Value.Policies {
			d.uses("Application", a.Value.Name, p.Include, p.Exclude, p.Require)
		}
	}
	groups, err := r.API.Groups.List(r.Context())
	if err != nil && !denied(err) {
		return err
	}
	d.Partial = d.Partial || denied(err)
	for _, g := range groups {
		d.uses("Group", g.Value.Name, g.Value.Include, g.Value.Exclude, g.Value.Require)
	}
	return nil
}

// uses notes a resource if one of its rules names a check of the integration.
func (d *deletion) uses(kind, name string, rules ...[]client.Rule) {
	for _, rule := range slices.Concat(rules...) {
		of, _ := rule["device_posture"].(map[string]any)
		id, _ := of["integration_uid"].(string)
		n := slices.IndexFunc(d.Checks, func(c client.Check) bool { return c.ID == id })
		if n < 0 {
			continue
		}
		u := user{kind, name, d.Checks[n].Name}
		if !slices.Contains(d.Users, u) {
			d.Users = append(d.Users, u)
		}
	}
}
