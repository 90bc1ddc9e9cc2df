package destination

import (
	"net/http"
	"strings"

	"plumbline.dev/services/console/copyas"
	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/plumb/client"
)

// detail is the data of the screen of one destination.
type detail struct {
	row
	New     bool
	Secret  string // new, shown once
	Title   string // of the secret
	Test    *client.DestinationTest
	Form    *frame.Form
	Replay  *frame.Form
	Kinds   []frame.Choice
	Boxes   []box
	Headers []header
	Copies  []copyas.Text
	Former  bool // a former secret is in use
}

// Type returns the description of the kind that the form has.
func (d *detail) Type() kind { return kindOf(d.Form.Value(fieldKind)) }

// Action returns the path that the form is posted to.
func (d *detail) Action() string {
	if d.New {
		return root
	}
	return root + "/" + d.ID
}

func blank(r *frame.Request) error {
	return page(r, &detail{New: true, Form: frame.NewForm(fieldKind, kinds[0].Value)}, 0)
}

func show(r *frame.Request) error {
	item, err := r.API.EventDestinations().Get(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return stored(r, item, &detail{}, 0)
}

// stored answers with the screen of a stored destination.
func stored(r *frame.Request, item client.Item[client.EventDestination], d *detail, status int) error {
	d.row = row{item.Value}
	if d.Form == nil {
		d.Form = formOf(&item.Value, item.Revision)
	}
	members, err := membersOf(item)
	if err != nil {
		return err
	}
	d.Copies = copies(r, &item.Value, members)
	return page(r, d, status)
}

func page(r *frame.Request, d *detail, status int) error {
	title := "New destination"
	if !d.New {
		title = d.Name
		d.Form.Values.Set(fieldKind, d.Kind)
	}
	for _, k := range kinds {
		d.Kinds = append(d.Kinds, frame.Choice{Value: k.Value, Text: k.Text + ": " + k.Gets})
	}
	if d.Replay == nil {
		d.Replay = frame.NewForm()
	}
	d.Boxes, d.Headers, d.Former = boxes(d.Form), headers(d.Form, d.row.Headers), d.Overlaps(r.Now)
	return r.Page(frame.Page{Title: title, Nav: root, Set: set, Name: "detail", Data: d, Status: status,
		Crumbs: []frame.Crumb{crumb}})
}

// copies returns the destination as the tools would save it. Sealed members are left out, or are in a file.
func copies(r *frame.Request, d *client.EventDestination, members client.Object) []copyas.Text {
	words := []string{"destination", "create", "--name", d.Name, "--hook-url-file", "url", "--secret-file", "secret"}
	for _, h := range d.Headers {
		words = append(words, "--header", h.Name+"=@"+strings.ToLower(h.Name))
	}
	for _, e := range d.Events {
		words = append(words, "--event", e)
	}
	if d.Template != "" {
		words = append(words, "--template", "template")
	}
	return []copyas.Text{copyas.Curl(r.Person.Account, http.MethodPut, "/plumbline"+root+"/"+d.ID, members),
		copyas.Plumb(words...)}
}

func create(r *frame.Request) error {
	f, err := r.Form()
	if err != nil {
		return err
	}
	body := bodyOf(f, nil, nil)
	if f.OK() {
		made, err := r.API.EventDestinations().Create(r.Context(), body)
		if err == nil {
			return stored(r, made, &detail{Secret: made.Value.Secret, Title: "Copy the secret that signs the messages now."}, 0)
		}
		if !f.Refused(err) {
			return err
		}
	}
	return page(r, &detail{New: true, Form: f}, http.StatusUnprocessableEntity)
}

// save changes the destination of the revision that the form was made from.
func save(r *frame.Request) error {
	f, err := r.Form()
	if err != nil {
		return err
	}
	item, err := r.API.EventDestinations().Get(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	members, err := membersOf(item)
	if err != nil {
		return err
	}
	body := bodyOf(f, members, &item.Value)
	if f.OK() {
		_, err := r.API.EventDestinations().Replace(r.Context(), item.Value.ID, f.Value(fieldRevision), body)
		if err == nil {
			return r.Redirect(root+"/"+item.Value.ID, "Saved.")
		}
		if !f.Refused(err) {
			return err
		}
	}
	return stored(r, item, &detail{Form: f}, http.StatusUnprocessableEntity)
}
