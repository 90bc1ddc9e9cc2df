package device

import (
	"cmp"
	"fmt"
	"net/http"

	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/plumb/client"
)

// maxBulk bounds the devices of one action.
const maxBulk = 1000

// bulkView is the data of the page that confirms an action on several devices.
type bulkView struct {
	Action, Verb, Breaks string
	Danger               bool
	Filter, Back         string
	IDs, Names           []string // Names of the first devices
	More                 int
	Whole                bool // the filter selects more devices than one action may have
	Form                 *frame.Form
	Choices              []frame.Choice
	Least, Most          string // bounds of an exemption's end
}

// bulkActions are the actions on several devices, with what they break.
var bulkActions = map[string]bulkView{
	"remove": {Verb: "Remove", Danger: true, Breaks: "They leave the inventory. Their outcomes change to unknown, so " +
		"every application with a check is closed to them."},
	"revoke": {Verb: "Revoke", Danger: true, Breaks: "They are no longer polled and pass no check, so every " +
		"application with a check is closed to them until the revocation is undone."},
	"exempt": {Verb: "Exempt", Breaks: "They pass the check whatever their score, until the exemption ends. An " +
		"exemption ends early for a device that passes by itself."},
	"poll": {Verb: "Poll", Breaks: "Every active integration is polled now, for all of its devices."},
}

// shownNames bounds the devices that a confirmation names.
const shownNames = 10

// confirmBulk shows what an action would do to the chosen devices.
func confirmBulk(r *frame.Request) error {
	form, err := r.Form()
	if err != nil {
		return err
	}
	return bulkPage(r, form, form.Value("action"), 0)
}

// bulkPage shows the confirmation of an action, with what is wrong in its form.
func bulkPage(r *frame.Request, form *frame.Form, action string, status int) error {
	v, known := bulkActions[action]
	if !known {
		return frame.NotFound("There is no such action.")
	}
	v.Action, v.Filter, v.Form = action, form.Value("filter"), form
	v.Back, v.IDs = listPath(v.Filter), form.Values["id"]
	if form.Is("all") {
		devices, next, err := r.API.Fleet(r.Context(), client.FleetQuery{Filter: v.Filter, PerPage: maxBulk})
		if err != nil {
			return err
		}
		v.IDs, v.Whole = nil, next != ""
		for n := range devices {
			d := &devices[n].Value
			v.IDs, v.Names = append(v.IDs, d.ID), append(v.Names, nameOf(d.Hostname, d.Serial, d.ID))
		}
	}
	if len(v.IDs) == 0 {
		return r.Redirect(v.Back, "Nothing was selected. Tick the devices first.")
	}
	if len(v.IDs) > maxBulk {
		return &frame.Problem{Status: http.StatusBadRequest, Title: "Too many devices",
			Text: fmt.Sprintf("One action may have at most %d devices.", maxBulk)}
	}
	if len(v.Names) == 0 {
		v.Names = v.IDs
	}
	v.Names = v.Names[:min(len(v.Names), shownNames)]
	v.More = len(v.IDs) - len(v.Names)
	if action == "exempt" {
		if err := v.exemption(r); err != nil {
			return err
		}
	}
	return r.Page(frame.Page{Title: v.Verb + " devices", Nav: "/devices", Set: set, Name: "bulk", Data: v, Status: status,
		Crumbs: []frame.Crumb{{Text: "Devices", Path: v.Back}}})
}

// exemption adds what the form of an exemption needs.
func (v *bulkView) exemption(r *frame.Request) error {
	checks, err := r.API.Checks.List(r.Context())
	if err != nil {
		return err
	}
	v.Choices = []frame.Choice{{Value: "", Text: "Every check"}}
	for _, c := range checks {
		if c.Value.Type == "custom_s2s" {
			v.Choices = append(v.Choices, frame.Choice{Value: c.Value.ID, Text: c.Value.Name})
		}
	}
	v.Least, v.Most = r.Now.UTC().Format(minute), r.Now.UTC().AddDate(1, 0, 0).Format(minute)
	v.Form.Values.Set("until", cmp.Or(v.Form.Value("until"), r.Now.UTC().AddDate(0, 0, 1).Format(minute)))
	return nil
}

// runBulk runs a confirmed action.
func runBulk(r *frame.Request) error {
	form, err := r.Form()
	if err != nil {
		return err
	}
	ids, back := form.Values["id"], listPath(form.Value("filter"))
	if len(ids) == 0 || len(ids) > maxBulk {
		return &frame.Problem{Status: http.StatusBadRequest, Title: "Nothing was done",
			Text: fmt.Sprintf("An action needs 1 to %d devices.", maxBulk)}
	}
	var text string
	switch action := r.PathValue("action"); action {
	case "remove":
		text, err = "Removed", r.API.RemoveDevices(r.Context(), ids)
	case "revoke":
		text, err = "Revoked", r.API.RevokeDevices(r.Context(), ids)
	case "poll":
		if text, err = pollAll(r); err == nil {
			return r.Redirect(back, text)
		}
	case "exempt":
		return exemptAll(r, form, ids, back)
	default:
		return frame.NotFound("There is no such action.")
	}
	if err != nil {
		return err
	}
	return r.Redirect(back, fmt.Sprintf("%s: %d.", text, len(ids)))
}

// exemptAll exempts devices, one after the other. Devices that have the exemption already are counted.
func exemptAll(r *frame.Request, form *frame.Form, ids []string, back string) error {
	x := readExemption(form)
	if !form.OK() {
		return bulkPage(r, form, "exempt", http.StatusUnprocessableEntity)
	}
	made, already := 0, 0
	for _, id := range ids {
		x.Device = id
		_, err := r.API.Exemptions(nil).Create(r.Context(), x)
		switch {
		case err == nil:
			made++
		case isStatus(err, http.StatusConflict):
			already++
		case made+already == 0 && form.Refused(err):
			return bulkPage(r, form, "exempt", http.StatusUnprocessableEntity)
		default:
			return &frame.Problem{Status: http.StatusConflict, Title: "Not all devices are exempt", Text: fmt.Sprintf(
				"%d of %d devices are exempt now. Then the control plane answered: %v", made, len(ids), err)}
		}
	}
	text := fmt.Sprintf("Exempt: %d.", made)
	if already > 0 {
		text += fmt.Sprintf(" %d had an exemption before.", already)
	}
	return r.Redirect(back, text)
}
