package destination

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"plumbline.dev/proto"
	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/dispatcher/event"
	"plumbline.dev/services/internal/ownedmember"
	"plumbline.dev/services/plumb/client"
)

// Fields of the form, named as in the API.
const (
	fieldName     = "name"
	fieldKind     = "kind"
	fieldURL      = "url"
	fieldEvent    = "events"
	fieldTemplate = "template"
	fieldRevision = "revision" // that the form was made from
)

// emptyHeaders is the number of empty rows for further headers.
const emptyHeaders = 2

// eventTexts are the types of events for people. A type without a text is shown as it is.
var eventTexts = map[event.Type]string{
	event.OutcomeChanged: "Outcomes of devices change", event.ResultsReset: "Changes were missed: read all results anew",
	event.CheckHeld: "A breaker holds outcomes of a check", event.CheckReleased: "A hold is over",
	event.ServiceTokenExpiring: "A service token is about to expire",
	event.ServiceTokenExpired:  "A service token has expired",
}

func eventText(e string) string {
	if text := eventTexts[event.Type(e)]; text != "" {
		return text
	}
	return e
}

// box is a type of event in the form.
type box struct {
	Value, Text string
	Checked     bool
}

// boxes returns the types of events, with those that the form has beside.
func boxes(f *frame.Form) []box {
	chosen := f.Values[fieldEvent]
	var all []string
	for _, e := range event.Types() {
		all = append(all, string(e))
	}
	for _, e := range chosen {
		if !slices.Contains(all, e) {
			all = append(all, e)
		}
	}
	var shown []box
	for _, e := range all {
		shown = append(shown, box{e, eventText(e), slices.Contains(chosen, e)})
	}
	return shown
}

// header is a row of the form. The value is never sent back.
type header struct {
	N                     int
	Name                  string
	Stored                bool // the API has a value
	NameField, ValueField string
	Error                 string
}

func headerField(n int, member string) string { return "headers." + strconv.Itoa(n) + "." + member }

// headers returns the rows of the form: those with a name, and some empty ones.
func headers(f *frame.Form, stored []client.DestinationHeader) []header {
	last := 0
	for n := range proto.MaxDestinationHeaders {
		if f.Value(headerField(n, "name")) != "" || f.Errors[headerField(n, "name")] != "" {
			last = n + 1
		}
	}
	var all []header
	for n := range min(last+emptyHeaders, proto.MaxDestinationHeaders) {
		h := header{N: n + 1, Name: f.Value(headerField(n, "name")), NameField: headerField(n, "name"),
			ValueField: headerField(n, "value"), Error: f.Errors[headerField(n, "name")]}
		h.Stored = h.Name != "" && known(stored, h.Name)
		all = append(all, h)
	}
	return all
}

func known(stored []client.DestinationHeader, name string) bool {
	return slices.ContainsFunc(stored, func(h client.DestinationHeader) bool { return h.Name == name })
}

// formOf returns the form of a stored destination.
func formOf(d *client.EventDestination, revision string) *frame.Form {
	f := frame.NewForm(fieldName, d.Name, fieldKind, d.Kind, fieldTemplate, d.Template, fieldRevision, revision)
	f.Values[fieldEvent] = d.Events
	for n, h := range d.Headers {
		f.Values.Set(headerField(n, "name"), h.Name)
	}
	return f
}

// bodyOf returns the destination that the form describes. The other members of a
// stored one stay as they are. The form shows each problem.
func bodyOf(f *frame.Form, stored client.Object, d *client.EventDestination) client.Object {
	body := maps.Clone(stored)
	if body == nil {
		body = client.Object{fieldKind: f.Value(fieldKind)}
	}
	body[fieldName], body[fieldTemplate] = f.Value(fieldName),
		strings.ReplaceAll(f.Values.Get(fieldTemplate), "\r\n", "\n")
	if f.Value(fieldName) == "" {
		f.Fail(fieldName, "Enter a name.")
	}
	switch url := f.Value(fieldURL); {
	case url != "":
		body[fieldURL] = url
	case d == nil:
		f.Fail(fieldURL, "Enter the URL that receives the messages.")
	}
	events := slices.Clone(f.Values[fieldEvent])
	if len(events) == len(boxes(f)) {
		events = nil // all, with those of later versions
	}
	body["events"] = append([]string{}, events...)
	body["headers"] = headersOf(f, d)
	return body
}

// headersOf returns the headers of the form. One without a value keeps the stored value.
func headersOf(f *frame.Form, d *client.EventDestination) []client.DestinationHeader {
	all := []client.DestinationHeader{}
	for n := range proto.MaxDestinationHeaders {
		field := headerField(n, "name")
		h := client.DestinationHeader{Name: f.Value(field), Value: f.Value(headerField(n, "value"))}
		switch {
		case h.Name == "" && h.Value == "":
			continue
		case h.Name == "":
			f.Fail(field, "A value needs the name of its header.")
		case h.Value == "" && (d == nil || !known(d.Headers, h.Name)):
			f.Fail(field, "Enter the value of the header.")
		}
		all = append(all, h)
	}
	return all
}

// membersOf returns the members of a stored destination that its holder may set.
func membersOf(item client.Item[client.EventDestination]) (client.Object, error) {
	var members client.Object
	if err := members.UnmarshalJSON(item.Raw); err != nil {
		return nil, err
	}
	ownedmember.StripFixed(members)
	for _, name := range []string{"endpoint", "state", "replayed_from", "previous_secret_expires_at"} {
		delete(members, name)
	}
	return members, nil
}
