package destination

import (
	"embed"
	"time"

	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/plumb/client"
)

//go:embed *.html
var files embed.FS

var set = frame.Parse(files)

const root = "/destinations"

var crumb = frame.Crumb{Text: "Destinations", Path: root}

// Register adds the screens of destinations.
func Register(f *frame.Frame) {
	f.Get(root, list)
	f.Get(root+"/new", blank)
	f.Post(root, create)
	f.Get(root+"/{id}", show)
	f.Post(root+"/{id}", save)
	f.Post(root+"/{id}/test", test)
	f.Post(root+"/{id}/pause", pause(true))
	f.Post(root+"/{id}/resume", pause(false))
	f.Post(root+"/{id}/replay", replay)
	f.Post(root+"/{id}/rotate", rotate)
	f.Get(root+"/{id}/delete", confirm)
	f.Post(root+"/{id}/delete", remove)
}

// row is a destination with the state of its deliveries.
type row struct{ client.EventDestination }

// kind describes a kind of destination. A new kind is one row of [kinds].
type kind struct {
	Value, Text string
	Gets        string // what the receiver gets, for people
	Signed      bool   // a secret signs the messages
	Template    bool   // a template can make the body
}

var kinds = []kind{
	{"webhook", "Webhook", "A signed message for each event, as Standard Webhooks 1.0.0 describes.", true, true},
}

// kindOf returns the description of a kind, also of one that this version does not know.
func kindOf(value string) kind {
	for _, k := range kinds {
		if k.Value == value {
			return k
		}
	}
	return kind{Value: value, Text: value, Signed: true, Template: true}
}

// Type returns the description of the destination's kind.
func (d row) Type() kind { return kindOf(d.Kind) }

// The statuses of the API.
const (
	delivering = "delivering"
	retrying   = "retrying"
	paused     = "paused"
	disabled   = "disabled"
	starting   = "starting"
)

// Pill returns the kind and the word of the status.
func (d row) Pill() [2]string {
	switch d.State.Status {
	case delivering:
		return [2]string{"pass", "Delivering"}
	case retrying:
		return [2]string{"warn", "Retrying"}
	case paused:
		return [2]string{"unk", "Paused"}
	case disabled:
		return [2]string{"fail", "Disabled"}
	case starting:
		return [2]string{"unk", "No dispatcher yet"}
	}
	return [2]string{"unk", d.State.Status}
}

// Stopped reports whether nothing is delivered until somebody resumes the destination.
func (d row) Stopped() bool { return d.Paused || d.State.Status == disabled }

// Overlaps reports whether a former secret still signs messages.
func (d row) Overlaps(now time.Time) bool {
	return d.PreviousUntil != nil && d.PreviousUntil.After(now)
}

// Selected returns the events that are sent, for people.
func (d row) Selected() []string {
	var all []string
	for _, e := range d.Events {
		all = append(all, eventText(e))
	}
	return all
}

func list(r *frame.Request) error {
	all, err := r.API.EventDestinations().List(r.Context())
	if err != nil {
		return err
	}
	rows := make([]row, len(all))
	for n, d := range all {
		rows[n] = row{d.Value}
	}
	return r.Page(frame.Page{Title: crumb.Text, Nav: root, Set: set, Name: "list-page", Data: rows})
}
