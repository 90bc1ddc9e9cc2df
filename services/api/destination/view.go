package destination

import (
	"plumbline.dev/proto"
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/dispatcher/event"
)

// configView is a destination as the audit log shows it.
type configView struct {
	ID       proto.ID     `json:"id"`
	Name     string       `json:"name"`
	Kind     string       `json:"kind"`
	Endpoint string       `json:"endpoint" says:"Scheme, host and port of the URL. The URL itself is never returned."`
	Headers  []headerView `json:"headers" says:"Names of the headers. Their values are never returned."`
	Events   []string     `json:"events" says:"Types of the events that are sent. Empty: all."`
	Template string       `json:"template" says:"Template of the body. Empty: the event's JSON."`
	Paused   bool         `json:"paused"`
	// PreviousUntil is null unless a former secret is in use.
	PreviousUntil v4.Timestamp `json:"previous_secret_expires_at"`
	ReplayedFrom  v4.Timestamp `json:"replayed_from" says:"Start of the newest replay."`
	CreatedAt     v4.Timestamp `json:"created_at"`
	UpdatedAt     v4.Timestamp `json:"updated_at"`
}

type headerView struct {
	Name string `json:"name"`
}

type destinationView struct {
	configView
	State stateView `json:"state"`
}

type withSecret struct {
	destinationView
	Secret string `json:"secret,omitempty" says:"Secret of the signatures. Only this response has it."`
}

// stateView is the state of the deliveries.
type stateView struct {
	Status        string       `json:"status"`
	WaitingSince  v4.Timestamp `json:"waiting_since" says:"Time of the event that could not be delivered yet, or null."`
	Attempts      int          `json:"attempts" says:"Failed attempts for this event."`
	NextAt        v4.Timestamp `json:"next_attempt_at"`
	LastError     string       `json:"last_error"`
	LastStatus    int          `json:"last_status" says:"HTTP status of the newest failed attempt. 0: no response."`
	LastErrorAt   v4.Timestamp `json:"last_error_at"`
	LastSuccessAt v4.Timestamp `json:"last_success_at"`
	Delivered     uint64       `json:"delivered" says:"Messages delivered."`
	Failed        uint64       `json:"failed" says:"Attempts that failed."`
	Disabled      string       `json:"disabled_reason" says:"Why the destination was disabled. Any update enables it again."`
	DisabledAt    v4.Timestamp `json:"disabled_at"`
}

type testView struct {
	Delivered bool   `json:"delivered"`
	Event     string `json:"event_id"`
	Status    int    `json:"status" says:"HTTP status. 0: no response."`
	TookMS    int64  `json:"took_ms"`
	Error     string `json:"error"`
}

// The statuses of a destination.
const (
	statusDelivering = "delivering"
	statusRetrying   = "retrying"
	statusPaused     = "paused"
	statusDisabled   = "disabled"
	statusStarting   = "starting" // no dispatcher delivers yet
)

func viewConfig(d *proto.Destination) configView {
	v := configView{ID: d.ID, Name: d.Name, Kind: d.Kind, Endpoint: d.Origin, Headers: []headerView{},
		Events: append([]string{}, d.Events...), Template: d.Template, Paused: d.Paused,
		ReplayedFrom: v4.Timestamp(d.ReplayFrom), CreatedAt: v4.Timestamp(d.CreatedAt), UpdatedAt: v4.Timestamp(d.UpdatedAt)}
	for _, h := range d.Headers {
		v.Headers = append(v.Headers, headerView{h.Name})
	}
	if len(d.Secrets) > 1 {
		v.PreviousUntil = v4.Timestamp(d.Secrets[1].Until)
	}
	return v
}

func (s *API) view(a proto.Account, d *proto.Destination) destinationView {
	state := s.states.Find(a, d.ID)
	v := destinationView{viewConfig(d), stateView{Status: statusOf(d, &state),
		WaitingSince: v4.Timestamp(state.WaitingSince), Attempts: state.Attempts, NextAt: v4.Timestamp(state.NextAt),
		LastError: state.LastError, LastStatus: state.LastStatus, LastErrorAt: v4.Timestamp(state.LastErrorAt),
		LastSuccessAt: v4.Timestamp(state.LastSuccessAt), Delivered: state.Delivered, Failed: state.Failed}}
	if v.State.Status == statusDisabled {
		v.State.Disabled, v.State.DisabledAt = state.Disabled, v4.Timestamp(state.DisabledAt)
	}
	return v
}

// statusOf returns the status of a destination. A dispatcher enables a disabled destination once it sees an update.
func statusOf(d *proto.Destination, s *proto.Delivery) string {
	switch {
	case d.Paused:
		return statusPaused
	case s.Disabled != "":
		return statusDisabled
	case s.Owner.IsZero():
		return statusStarting
	case s.Waiting != "":
		return statusRetrying
	}
	return statusDelivering
}

func schemas() openapi.Members {
	state := openapi.Of[stateView]()
	state["properties"].(openapi.Members)["status"] = openapi.Enum(statusDelivering, statusRetrying, statusPaused,
		statusDisabled, statusStarting)
	shown := openapi.Of[destinationView]()
	shown["properties"].(openapi.Members)["state"] = state
	return openapi.Members{
		"Destination": shown,
		"DestinationBody": openapi.Object(openapi.Members{
			"name": openapi.Text(),
			"kind": openapi.Enum(proto.DestinationWebhook).OrNull(),
			"url": openapi.Text().OrNull().Describe("URL that receives the messages. An update without it keeps the stored " +
				"one."),
			"secret": openapi.Text().OrNull().Describe("Secret of the signatures: whsec_ and base64 of 24 to 64 bytes. The " +
				"default is a random one. Only for a create."),
			"headers": openapi.List(openapi.Object(openapi.Members{"name": openapi.Text(),
				"value": openapi.Text().OrNull().Describe("An update without it keeps the stored value, as long as the host of " +
					"the URL stays the same.")}, "name")).OrNull().Describe("Headers of every message."),
			"events": openapi.List(openapi.Enum(event.Types()...)).OrNull().Describe("Types of the events to send. Absent " +
				"or empty: all."),
			"template": openapi.Text().OrNull().Describe("Go template of the body, which must be valid JSON for every event."),
			"paused":   openapi.Bool().OrNull(),
		}, "name"),
	}
}

func (s *API) operations() openapi.Operations {
	all := s.kind.Operations()
	secret := openapi.Of[withSecret]()
	create := all["POST "+path]
	create.Result = secret
	all["POST "+path] = create
	one := path + "/{id}"
	all["POST "+one+"/test"] = openapi.Operation{Summary: "Send a test message to a destination",
		Details: "A dispatcher sends a test.ping once, also while the destination is paused or disabled.",
		Result:  openapi.Of[testView]()}
	all["POST "+one+"/replay"] = openapi.Operation{Summary: "Send messages to a destination again",
		Details: "Messages since a time are sent again, with the same ids, as far as the log has them.",
		Body:    openapi.Object(openapi.Members{"since": openapi.Time()}, "since"), Result: secret}
	all["POST "+one+"/rotate"] = openapi.Operation{Summary: "Rotate the secret of a destination",
		Details: "The response has the new secret. Messages are signed with the former one as well, for the overlap.",
		Body: openapi.Object(openapi.Members{"secret": openapi.Text().OrNull(), "overlap": openapi.Text().OrNull().Describe(
			"Duration such as 24h, which is the default. 0s ends the use of the former secret at once.")}),
		Result: secret}
	return all
}
