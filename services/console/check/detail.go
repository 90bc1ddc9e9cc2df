package check

import (
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"unicode/utf8"

	"plumbline.dev/proto"
	"plumbline.dev/services/console/device"
	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/internal/ownedmember"
	"plumbline.dev/services/internal/remediation"
	"plumbline.dev/services/plumb/client"
)

// detail is the data of the screen of one check.
type detail struct {
	state
	New          bool
	Form         *frame.Form
	Integrations []client.Integration
	Effect       *effect
}

// With returns the path of the devices for which the check has a state.
func (d *detail) With(state string) string { return device.WithState(d.Name, state) }

// Action returns the path that the form is posted to, and below which its parts are.
func (d *detail) Action() string {
	if d.New {
		return root
	}
	return root + "/" + d.ID
}

// Parts returns the path below which the parts of the page are.
func (d *detail) Parts() string {
	if d.New {
		return root + "/new"
	}
	return root + "/" + d.ID
}

// Sources returns the choices of the integration.
func (d *detail) Sources() []frame.Choice {
	all := make([]frame.Choice, len(d.Integrations))
	for n, i := range d.Integrations {
		all[n] = frame.Choice{Value: i.ID, Text: i.Name}
	}
	return all
}

// Operators returns the choices of the operator.
func (d *detail) Operators() []frame.Choice { return operators }

// Expirations returns the choices of how old a score may be.
func (d *detail) Expirations() []frame.Choice { return expirations(d.Form.Value(fieldExpiration)) }

// Preview returns the text for users as the deny page shows it.
func (d *detail) Preview() template.HTML {
	text := d.Form.Value(fieldRemediation)
	if utf8.RuneCountInString(text) > proto.MaxRemediation {
		return "" // the API rejects it, too
	}
	return remediation.HTML(text)
}

// SentenceFields returns the fields of the sentence, whose errors are shown below it.
func (*detail) SentenceFields() []string {
	return []string{fieldIntegration, fieldOperator, fieldScore, fieldExpiration}
}

// preview answers with the text for users as the deny page shows it. It changes nothing: the text can be too long for a
// query.
func preview(r *frame.Request) error {
	form, err := r.Form()
	if err != nil {
		return err
	}
	return r.Fragment(set, "preview", &detail{Form: form}, 0)
}

// load returns a stored check.
func load(r *frame.Request) (client.Item[client.Check], error) {
	return r.API.Checks.Get(r.Context(), r.PathValue("id"))
}

func show(r *frame.Request) error {
	item, err := load(r)
	if err != nil {
		return err
	}
	return page(r, &detail{state: state{Check: item.Value}, Form: formOf(item.Value, item.Revision)}, 0)
}

// blank shows the form of a new check: over the integration in the query, or a copy of the check in it.
func blank(r *frame.Request) error {
	q := r.URL.Query()
	d := &detail{New: true, state: state{Check: client.Check{Type: proto.TypeCustomS2S}},
		Form: newForm(q.Get("integration"))}
	if id := q.Get("copy"); id != "" {
		item, err := r.API.Checks.Get(r.Context(), id)
		if err != nil {
			return err
		}
		d.Form = formOf(item.Value, "")
		d.Form.Values.Set(fieldName, "Copy of "+item.Value.Name)
	}
	return page(r, d, 0)
}

func page(r *frame.Request, d *detail, status int) error {
	var err error
	if d.Integrations, err = integrations(r); err != nil {
		return err
	}
	title := "New check"
	if d.New {
		if len(d.Integrations) > 0 && d.Form.Value(fieldIntegration) == "" {
			d.Form.Values.Set(fieldIntegration, d.Integrations[0].ID)
		}
	} else {
		title = d.Name
		byID, err := counts(r)
		if err != nil {
			return err
		}
		d.Counts, d.Integration = byID[d.ID], nameOf(d.Integrations, d.Input.Integration)
	}
	if d.Evaluated() {
		if d.Effect, err = effectOf(r, d, false); err != nil {
			return err
		}
	}
	return r.Page(frame.Page{Title: title, Nav: root, Crumbs: []frame.Crumb{{Text: "Checks", Path: root}}, Set: set,
		Name: "detail", Data: d, Status: status})
}

func create(r *frame.Request) error {
	form, err := r.Form()
	if err != nil {
		return err
	}
	d := &detail{New: true, state: state{Check: client.Check{Type: proto.TypeCustomS2S}}, Form: form}
	body := bodyOf(form)
	body["type"] = proto.TypeCustomS2S
	if !form.OK() {
		return page(r, d, http.StatusUnprocessableEntity)
	}
	made, err := r.API.Checks.Create(r.Context(), body)
	if refused(form, err) {
		return page(r, d, http.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return r.Redirect(root+"/"+made.Value.ID, "Saved. Policies can require it now.")
}

// save changes the check of the revision that the form was made from. The members that the form does not have stay.
func save(r *frame.Request) error {
	form, err := r.Form()
	if err != nil {
		return err
	}
	all := r.API.Objects(client.KindCheck)
	item, err := all.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	stored, err := load(r)
	if err != nil {
		return err
	}
	d, body := &detail{state: state{Check: stored.Value}, Form: form}, map[string]any(item.Value)
	ownedmember.StripFixed(body)
	edit(body, form)
	if !form.OK() {
		return page(r, d, http.StatusUnprocessableEntity)
	}
	if flips := form.Value(fieldExpectFlips); flips != "" {
		if _, err := strconv.ParseUint(flips, 10, 31); err != nil {
			form.Fail(fieldExpectFlips, "Must be a whole number.")
			return page(r, d, http.StatusUnprocessableEntity)
		}
		all = all.WithQuery(url.Values{fieldExpectFlips: {flips}})
	}
	_, err = all.Replace(r.Context(), d.ID, form.Value(fieldRevision), body)
	if refused(form, err) {
		return page(r, d, http.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return r.Redirect(root+"/"+d.ID, "Saved. The outcomes change with the next look of each evaluator, in a few seconds.")
}
