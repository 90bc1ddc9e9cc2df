package hold

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/plumb/client"
)

// exemptionsPerPage is how many exemptions the list has.
const exemptionsPerPage = 100

// listing is the data of the list. Holds, Exemptions and Observe are nil without the permission to read them.
type listing struct {
	Open, Past []client.Hold
	NoHolds    bool // without the permission
	Exemptions []client.Exemption
	NoExempt   bool // without the permission
	Page       int
	More       bool // there are further exemptions
	Observe    *client.Observe
	Form       *frame.Form
	Lengths    []frame.Choice
}

// Next returns the path of the next page of exemptions.
func (l listing) Next() string { return "/holds?page=" + strconv.Itoa(l.Page+1) + "#exemptions" }

// Previous returns the path of the previous page of exemptions.
func (l listing) Previous() string { return "/holds?page=" + strconv.Itoa(l.Page-1) + "#exemptions" }

func list(r *frame.Request) error { return listWith(r, frame.NewForm("length", "1h"), http.StatusOK) }

func listWith(r *frame.Request, form *frame.Form, status int) error {
	page, err := strconv.Atoi(r.URL.Query().Get("page"))
	if err != nil || page < 1 || page > 1000 {
		page = 1
	}
	l := listing{Page: page, Form: form, Lengths: lengths}
	holds, err := r.API.Holds(nil).List(r.Context())
	switch {
	case client.HasStatus(err, http.StatusForbidden):
		l.NoHolds = true
	case err != nil:
		return err
	}
	for _, h := range holds {
		if h.Value.Open() {
			l.Open = append(l.Open, h.Value)
		} else {
			l.Past = append(l.Past, h.Value)
		}
	}
	if err := l.readExemptions(r); err != nil {
		return err
	}
	o, err := r.API.Observe(r.Context())
	switch {
	case err == nil:
		l.Observe = &o.Value
	case !client.HasStatus(err, http.StatusForbidden):
		return err
	}
	return r.Page(frame.Page{Title: "Holds", Nav: "/holds", Set: set, Name: "holds", Data: l, Status: status})
}

func (l *listing) readExemptions(r *frame.Request) error {
	q := url.Values{"page": {strconv.Itoa(l.Page)}, "per_page": {strconv.Itoa(exemptionsPerPage)}}
	raw, err := r.API.Read(r.Context(), "/plumbline/exemptions?"+q.Encode())
	if client.HasStatus(err, http.StatusForbidden) {
		l.NoExempt = true
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, &l.Exemptions); err != nil {
		return err
	}
	l.More = len(l.Exemptions) == exemptionsPerPage
	return nil
}

// lengths are the choices for how long the observe switch is on.
var lengths = []frame.Choice{{Value: "1h", Text: "1 hour"}, {Value: "4h", Text: "4 hours"},
	{Value: "12h", Text: "12 hours"}, {Value: "24h", Text: "1 day"}, {Value: "72h", Text: "3 days"},
	{Value: "168h", Text: "7 days"}}

// switchOn turns the observe switch on.
func switchOn(r *frame.Request) error {
	form, err := r.Form()
	if err != nil {
		return err
	}
	length, err := time.ParseDuration(form.Value("length"))
	if err != nil || length <= 0 {
		form.Fail("length", "Choose how long nothing is enforced.")
	}
	if form.Value("reason") == "" {
		form.Fail("reason", "Say why: everyone sees the reason while the switch is on.")
	}
	if !form.OK() {
		return listWith(r, form, http.StatusUnprocessableEntity)
	}
	// A second less, so that the longest choice is within the API's bound.
	if _, err = r.API.SetObserve(r.Context(), r.Now.Add(length-time.Second), form.Value("reason")); err != nil {
		if form.Refused(err) {
			return listWith(r, form, http.StatusUnprocessableEntity)
		}
		return err
	}
	return r.Redirect("/holds", "The observe switch is on: no check is enforced until it ends.")
}

// switchOff turns the observe switch off.
func switchOff(r *frame.Request) error {
	if _, err := r.API.EndObserve(r.Context()); err != nil {
		return err
	}
	return r.Redirect("/holds", "The observe switch is off: the checks are enforced again.")
}

// endExemption ends an exemption.
func endExemption(r *frame.Request) error {
	err := r.API.Exemptions(nil).Delete(r.Context(), r.PathValue("id"))
	if client.IsNotFound(err) {
		return r.Redirect("/holds#exemptions", "The exemption had ended already.")
	}
	if err != nil {
		return err
	}
	return r.Redirect("/holds#exemptions", "The exemption has ended: the device is checked like every other.")
}
