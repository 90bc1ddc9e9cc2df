package check

import (
	"embed"
	"errors"
	"net/http"
	"slices"

	"plumbline.dev/proto"
	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/plumb/client"
)

//go:embed *.html
var files embed.FS

var set = frame.Parse(files)

// Paths of the screens.
const (
	root = "/checks"
	one  = root + "/{id}"
)

// Register adds the screens.
func Register(f *frame.Frame) {
	f.Get(root, list)
	f.Post(root, create)
	f.Get(root+"/new", blank)
	f.Post(root+"/preview", preview)
	f.Get(root+"/new/effect", effectOfNew)
	f.Get(root+"/new/trial", trialOfNew)
	f.Get(root+"/new/past/live", pastOfNew)
	f.Get(one, show)
	f.Post(one, save)
	f.Get(one+"/effect", effectOfStored)
	f.Get(one+"/trial", trialOfStored)
	f.Get(one+"/past/live", pastOfStored)
	f.Get(one+"/delete", confirm)
	f.Post(one+"/delete", remove)
}

// state is a check with its counts.
type state struct {
	client.Check
	Counts      *client.CheckState // nil if the person may not read it
	Integration string             // name; empty if it is not known
}

// Evaluated reports whether the check is of the type that is evaluated.
func (s state) Evaluated() bool { return s.Type == proto.TypeCustomS2S }

// Pill returns the kind and the text of the check's enforcement.
func (s state) Pill() [2]string {
	switch {
	case !s.Evaluated():
		return [2]string{"unk", "Not evaluated"}
	case s.Counts != nil && s.Counts.Held > 0:
		return [2]string{"held", "Held"}
	case s.Mode == string(proto.ModeObserve):
		return [2]string{"warn", "Observe only"}
	}
	return [2]string{"pass", "Enforced"}
}

// Condition returns the condition in words, such as "at least 60".
func (s state) Condition() string {
	return operatorWord(s.Input.Operator) + " " + s.Input.Score.String()
}

// denied reports whether the API did not permit a request. The page then goes without the answer.
func denied(err error) bool {
	e, ok := errors.AsType[*client.Error](err)
	return ok && e.Status == http.StatusForbidden
}

// counts returns the counts of each check by id; nil if the person may not read them.
func counts(r *frame.Request) (map[string]*client.CheckState, error) {
	d, err := r.API.Dashboard(r.Context())
	if denied(err) {
		return nil, nil
	}
	byID := map[string]*client.CheckState{}
	for n := range d.Checks {
		byID[d.Checks[n].ID] = &d.Checks[n]
	}
	return byID, err
}

// integrations returns the integrations whose scores checks can use.
func integrations(r *frame.Request) ([]client.Integration, error) {
	all, err := r.API.Integrations.List(r.Context())
	if err != nil && !denied(err) {
		return nil, err
	}
	var polled []client.Integration
	for _, i := range all {
		if i.Value.Type == proto.TypeCustomS2S {
			polled = append(polled, i.Value)
		}
	}
	return polled, nil
}

func nameOf(all []client.Integration, id string) string {
	if n := slices.IndexFunc(all, func(i client.Integration) bool { return i.ID == id }); n >= 0 {
		return all[n].Name
	}
	return ""
}

func list(r *frame.Request) error {
	all, err := r.API.Checks.List(r.Context())
	if err != nil {
		return err
	}
	sources, err := integrations(r)
	if err != nil {
		return err
	}
	byID, err := counts(r)
	if err != nil {
		return err
	}
	rows := make([]state, len(all))
	for n, c := range all {
		rows[n] = state{c.Value, byID[c.Value.ID], nameOf(sources, c.Value.Input.Integration)}
	}
	return r.Page(frame.Page{Title: "Checks", Nav: root, Set: set, Name: "list-page", Data: rows})
}
