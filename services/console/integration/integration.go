package integration

import (
	"embed"
	"errors"
	"net/http"

	"plumbline.dev/proto"
	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/plumb/client"
)

//go:embed *.html
var files embed.FS

var set = frame.Parse(files)

// Paths of the screens.
const (
	root = "/integrations"
	one  = root + "/{id}"
)

// Register adds the screens.
func Register(f *frame.Frame) {
	f.Get(root, list)
	f.Post(root, create)
	f.Get(root+"/new", blank)
	f.Post(root+"/new/test", testNew)
	f.Get(one, show)
	f.Post(one, save)
	f.Post(one+"/test", testStored)
	f.Post(one+"/poll", pollNow)
	f.Post(one+"/pause", pause(true))
	f.Post(one+"/resume", pause(false))
	f.Get(one+"/delete", confirm)
	f.Post(one+"/delete", remove)
	f.Get(one+"/polls", polls)
	f.Get(one+"/polls/{tick}", poll)
}

// state is an integration with its status.
type state struct {
	client.Integration
	Revision string         // of the integration; empty in a list
	Status   *client.Status // nil if the person may not read it
}

// Polled reports whether the integration is of the type that is polled.
func (s state) Polled() bool { return s.Type == proto.TypeCustomS2S }

// Pill returns the kind and the text of the status.
func (s state) Pill() [2]string {
	poll := (*client.Poll)(nil)
	if s.Status != nil {
		poll = s.Status.Poll
	}
	switch {
	case !s.Polled():
		return [2]string{"unk", "Not polled"}
	case s.IsPaused():
		return [2]string{"unk", "Paused"}
	case s.Status == nil:
		return [2]string{"unk", "Unknown"}
	case s.Status.Overdue:
		return [2]string{"fail", "Overdue"}
	case poll != nil && poll.Error != "":
		return [2]string{"fail", "Failing"}
	case poll == nil:
		return [2]string{"unk", "No poll yet"}
	}
	return [2]string{"pass", "On time"}
}

// statuses returns the status of each integration by id; nil if the person may not read it.
func statuses(r *frame.Request) (map[string]*client.Status, error) {
	all, err := r.API.Status(r.Context())
	if denied(err) {
		return nil, nil
	}
	byID := map[string]*client.Status{}
	for i := range all {
		byID[all[i].ID] = &all[i]
	}
	return byID, err
}

// denied reports whether the API did not permit a request. The page then goes without the answer.
func denied(err error) bool {
	e, ok := errors.AsType[*client.Error](err)
	return ok && e.Status == http.StatusForbidden
}

func list(r *frame.Request) error {
	all, err := r.API.Integrations.List(r.Context())
	if err != nil {
		return err
	}
	byID, err := statuses(r)
	if err != nil {
		return err
	}
	rows := make([]state, len(all))
	for n, i := range all {
		rows[n] = state{i.Value, "", byID[i.Value.ID]}
	}
	return r.Page(frame.Page{Title: "Integrations", Nav: root, Set: set, Name: "list-page", Data: rows})
}

// load returns an integration with its status.
func load(r *frame.Request) (state, error) {
	item, err := r.API.Integrations.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		return state{}, err
	}
	byID, err := statuses(r)
	return state{item.Value, item.Revision, byID[item.Value.ID]}, err
}

// checksOf returns the checks of an integration, or nil if the person may not read them.
func checksOf(r *frame.Request, id string) ([]client.Check, error) {
	all, err := r.API.Checks.List(r.Context())
	if denied(err) {
		return nil, nil
	}
	var own []client.Check
	for _, c := range all {
		if id != "" && c.Value.Input.Integration == id {
			own = append(own, c.Value)
		}
	}
	return own, err
}
