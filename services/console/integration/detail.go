package integration

import (
	"net/http"

	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/plumb/client"
)

// detail is the data of the screen of one integration.
type detail struct {
	state
	New       bool
	Form      *frame.Form
	Intervals []frame.Choice
	Test      *testView // nil before a test
	Saved     bool      // the form was saved after the test
	Checks    []client.Check
	Copies    []copyText
}

// Action returns the path that the form is posted to.
func (d *detail) Action() string {
	if d.New {
		return root
	}
	return root + "/" + d.ID
}

// TestAction returns the path that a test is posted to.
func (d *detail) TestAction() string {
	if d.New {
		return root + "/new/test"
	}
	return root + "/" + d.ID + "/test"
}

// Replacing reports whether the field of the secret is open.
func (d *detail) Replacing() bool { return d.New || d.Form.Errors[fieldSecret] != "" }

func show(r *frame.Request) error {
	s, err := load(r)
	if err != nil {
		return err
	}
	return page(r, &detail{state: s, Form: formOf(s.Integration, s.Revision)}, 0)
}

func blank(r *frame.Request) error { return page(r, &detail{New: true, Form: newForm()}, 0) }

// page answers with the screen, or the part of it that htmx asks for.
func page(r *frame.Request, d *detail, status int) error {
	var err error
	if d.Checks, err = checksOf(r, d.ID); err != nil {
		return err
	}
	d.Form.Values.Del(fieldSecret) // a secret is never sent back
	d.Intervals = intervals(d.Form.Value(fieldInterval))
	title := d.Name
	if d.New {
		title = "New integration"
	} else {
		d.Copies = copies(r, d.Integration)
	}
	if status >= http.StatusBadRequest && r.Fragmented() {
		r.W.Header().Set("HX-Retarget", "#workbench")
		return r.Fragment(set, "workbench", d, status)
	}
	return r.Page(frame.Page{Title: title, Nav: root, Crumbs: []frame.Crumb{{Text: "Integrations", Path: root}}, Set: set,
		Name: "detail", Data: d, Status: status})
}

// create saves a new integration.
func create(r *frame.Request) error {
	form, err := r.Form()
	if err != nil {
		return err
	}
	body := bodyOf(form, nil)
	if !form.OK() {
		return page(r, &detail{New: true, Form: form}, http.StatusUnprocessableEntity)
	}
	made, err := r.API.Integrations.Create(r.Context(), body)
	if refused(form, err) {
		return page(r, &detail{New: true, Form: form}, http.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return r.Redirect(root+"/"+made.Value.ID, "Saved. The first poll begins now.")
}

// save changes the integration of the revision that the form was made from.
func save(r *frame.Request) error {
	form, s, body, err := edited(r)
	if err != nil {
		return err
	}
	if !form.OK() {
		return page(r, &detail{state: s, Form: form}, http.StatusUnprocessableEntity)
	}
	_, err = r.API.Integrations.Replace(r.Context(), s.ID, form.Value(fieldRevision), body)
	if refused(form, err) {
		return page(r, &detail{state: s, Form: form}, http.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return r.Redirect(root+"/"+s.ID, "Saved.")
}

// edited returns the form of a stored integration and the body that it describes.
func edited(r *frame.Request) (*frame.Form, state, map[string]any, error) {
	form, err := r.Form()
	if err != nil {
		return nil, state{}, nil, err
	}
	s, err := load(r)
	if err != nil {
		return nil, s, nil, err
	}
	return form, s, bodyOf(form, &s.Integration), nil
}
