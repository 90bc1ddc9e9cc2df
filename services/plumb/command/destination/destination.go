package destination

import (
	"strings"

	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/render"
	"plumbline.dev/services/plumb/command/resource"
)

// Destinations is the command plumb destination.
type Destinations struct {
	List   resource.List[argument, client.EventDestination]          `cmd:"" help:"List destinations and whether messages reach them."`
	Create create                                                    `cmd:"" help:"Create a destination and show the secret that signs its messages."`
	Show   resource.Show[argument, client.EventDestination]          `cmd:"" aliases:"get" help:"Show a destination and the state of its deliveries."`
	Edit   resource.Replace[argument, edit, client.EventDestination] `cmd:"" help:"Change a destination. Settings without a flag stay as they are."`
	Test   test                                                      `cmd:"" help:"Send a test message, once, and show the response."`
	Replay replay                                                    `cmd:"" help:"Send messages again, from a time on, with the same ids."`
	Pause  pause                                                     `cmd:"" help:"Stop deliveries. Messages wait as long as the log has them."`
	Resume resume                                                    `cmd:"" help:"Continue the deliveries of a paused or disabled destination."`
	Rotate rotate                                                    `cmd:"" help:"Rotate the secret that signs messages. Both secrets sign for a time."`
	Delete resource.Delete[argument, client.EventDestination]        `cmd:"" help:"Delete a destination."`
}

type argument struct {
	Destination string `arg:"" help:"Id or name of the destination."`
}

func (a argument) Typed() string { return a.Destination }

func (argument) Kind() resource.Kind[client.EventDestination] { return destinations }

var destinations = resource.Kind[client.EventDestination]{
	Collection: func(cl *client.Client) client.Collection[client.EventDestination] { return cl.EventDestinations() },
	Header:     []any{"ID", "NAME", "ENDPOINT", "STATUS", "WAITING SINCE", "LAST ERROR"},
	Row: func(d client.EventDestination) []any {
		return []any{d.ID, d.Name, d.Endpoint, d.State.Status, render.Moment(d.State.WaitingSince), lastError(d)}
	},
	Fields: rows,
}

// lastError returns the error of a destination that does not get its messages, or a dash.
func lastError(d client.EventDestination) string {
	if d.State.WaitingSince == nil {
		return "-"
	}
	return render.OrDash(d.State.LastError)
}

func rows(tab *render.Table, d client.EventDestination) {
	tab.Row("id", d.ID)
	tab.Row("name", d.Name)
	tab.Row("kind", d.Kind)
	tab.Row("endpoint", d.Endpoint)
	if d.Secret != "" {
		tab.Row("secret", d.Secret)
	}
	if d.PreviousUntil != nil {
		tab.Row("former secret until", render.Moment(d.PreviousUntil))
	}
	for _, h := range d.Headers {
		tab.Row("header", h.Name)
	}
	events := "all"
	if len(d.Events) > 0 {
		events = strings.Join(d.Events, ", ")
	}
	tab.Row("events", events)
	if d.Template != "" {
		tab.Row("template", "yes")
	}
	s := d.State
	tab.Row("status", s.Status)
	if s.Disabled != "" {
		tab.Row("disabled because", s.Disabled)
	}
	tab.Row("delivered", s.Delivered)
	tab.Row("failed attempts", s.Failed)
	tab.Row("last success", render.Moment(s.LastSuccessAt))
	if s.WaitingSince != nil {
		tab.Row("waiting since", render.Moment(s.WaitingSince))
		tab.Row("attempts", s.Attempts)
		tab.Row("next attempt", render.Moment(s.NextAt))
	}
	if s.LastError != "" {
		tab.Row("last error", s.LastError)
		tab.Row("last error at", render.Moment(s.LastErrorAt))
	}
}
