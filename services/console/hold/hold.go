package hold

import (
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"

	"plumbline.dev/proto"
	"plumbline.dev/services/console/copyas"
	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/plumb/client"
)

//go:embed *.html
var files embed.FS

var set = frame.Parse(files, template.FuncMap{"effect": Effect, "change": Change, "state": stateOf, "waits": Waits,
	"direction": direction})

// Register adds the screen.
func Register(f *frame.Frame) {
	f.Get("/holds", list)
	f.Get("/holds/{id}", show)
	f.Post("/holds/{id}/release", decide("release"))
	f.Post("/holds/{id}/reject", decide("reject"))
	f.Post("/holds/observe", switchOn)
	f.Post("/holds/observe/end", switchOff)
	f.Post("/holds/exemptions/{id}/end", endExemption)
}

// direction says in words what a hold keeps from happening.
func direction(h client.Hold) string {
	switch {
	case LocksOut(h) && OpensUp(h):
		return "both directions"
	case LocksOut(h):
		return "lock-out: passes would be lost"
	case OpensUp(h):
		return "open-up: passes would be gained"
	}
	return "–"
}

// one is the data of the page of a hold.
type one struct {
	client.Item[client.Hold]
	Form     *frame.Form
	Conflict string // why a decision was not taken
	account  proto.Account
}

// Open reports whether pages hold outcomes.
func (o one) Open() bool { return o.Value.Open() }

// Rejectable reports whether the hold can be rejected.
func (o one) Rejectable() bool { return Waits(o.Value) }

// Copies returns the release of the hold in the form of other tools.
func (o one) Copies() []copyas.Text {
	if !o.Open() {
		return nil
	}
	id, reason := o.Value.ID, "REASON"
	return []copyas.Text{copyas.Curl(o.account, http.MethodPost, "/plumbline/holds/"+url.PathEscape(id)+"/release",
		map[string]string{"reason": reason}), copyas.Plumb("hold", "release", id, "--reason", reason)}
}

// Safe reports whether the safe side applies.
func (o one) Safe() bool { return o.Value.State == string(proto.HoldExpired) }

// Limit says how many devices may change in a poll of a page.
func (o one) Limit() string {
	l := o.Value.Limits
	if l == nil {
		return "–"
	}
	return fmt.Sprintf("%g %% of a page, and never less than %s", 100*l.Share, frame.Plural(l.Floor, "device", "devices"))
}

func show(r *frame.Request) error {
	h, err := r.API.Holds(nil).Get(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return r.Page(page(one{h, frame.NewForm(), "", r.Person.Account}, http.StatusOK))
}

func page(o one, status int) frame.Page {
	return frame.Page{Title: "Hold of " + o.Value.Name, Nav: "/holds", Set: set, Name: "hold", Data: o, Status: status,
		Crumbs: []frame.Crumb{{Text: "Holds", Path: "/holds"}}}
}

// decide returns the handler of a decision. If the hold has changed since the person saw it, they see it again first.
func decide(action string) frame.Handler {
	return func(r *frame.Request) error {
		form, err := r.Form()
		if err != nil {
			return err
		}
		id := r.PathValue("id")
		if form.Value("reason") == "" {
			form.Fail("reason", "Say why: the reason is kept in the audit log.")
			return again(r, id, form, "", http.StatusUnprocessableEntity)
		}
		_, err = r.API.DecideHold(r.Context(), id, form.Value("revision"), action, form.Value("reason"))
		if client.IsStale(err) {
			return again(r, id, form, "The hold has changed since the page was loaded. Nothing was decided: look at the "+
				"numbers again, then repeat your decision.", http.StatusConflict)
		}
		if e, ok := errors.AsType[*client.Error](err); ok && e.Status == http.StatusConflict {
			return again(r, id, form, e.Message, http.StatusConflict)
		}
		if err != nil && form.Refused(err) {
			return again(r, id, form, "", http.StatusUnprocessableEntity)
		}
		if err != nil {
			return err
		}
		done := "The hold is released: the observed outcomes are applied now."
		if action == "reject" {
			done = "The hold is rejected: the held outcomes stay until a later poll is within the limits."
		}
		return r.Redirect("/holds/"+url.PathEscape(id), done)
	}
}

// again shows a hold as it is now, with the form that was sent.
func again(r *frame.Request, id string, form *frame.Form, conflict string, status int) error {
	h, err := r.API.Holds(nil).Get(r.Context(), id)
	if err != nil {
		return err
	}
	return r.Page(page(one{h, form, conflict, r.Person.Account}, status))
}
