package proto

import "github.com/vmihailenco/msgpack/v5"

// Action is the action recorded by an [Authentication].
type Action string

// The actions.
const (
	ActionService Action = "service" // service credentials were used
	ActionLogin   Action = "login"   // a person logged in to an application
	ActionLogout  Action = "logout"
	ActionRequest Action = "request" // a request decided by the session, or without an identity
)

// Authentication is one message of ACCESS_LOG, on access.log.<account>.<app>: a request for an application, and the
// decision. Equal ones of the same second are one message with a Count. Unknown Client IDs are not recorded.
type Authentication struct {
	Account     Account // zero in version 1: readers use the subject
	At          Millis
	Application ID
	Allowed     bool
	Reason      string // from the policy engine's closed list
	Policy      ID
	ClientID    string
	TokenID     ID
	IP          string

	Action Action
	Host   string
	User   ID // zero: no login
	Email  string
	IDP    ID // the provider of the login
	Device ID // zero: not known
	// Check is the posture check that denied the request, or one that passed for another reason than its score, if there
	// was one. Posture is the reason of its outcome.
	Check   ID
	Posture string
	Ray     string // of the first request, shown on the deny page
	Country string
	Count   int // how many this message stands for; 0 means 1
}

// Schema implements Message.
func (*Authentication) Schema() Schema { return Schema{"authentication", 2} }

// Oldest implements Versioned.
func (*Authentication) Oldest() int { return 1 }

// EncodeMsgpack writes the map that schema/authentication.2.json describes.
func (a *Authentication) EncodeMsgpack(enc *msgpack.Encoder) error {
	return enc.Encode(msgpack.RawMessage(a.append(nil)))
}

// append implements appender.
func (a *Authentication) append(b []byte) []byte {
	// The API knows no action "service": it is the login of a service.
	action, sort := a.Action, a.Action
	if action == ActionService || action == "" {
		action, sort = ActionLogin, ActionService
	}
	w := beginMap(b)
	w.account("account_id", a.Account)
	w.time("created_at", a.At)
	w.text("action", string(action))
	w.text("x_action", string(sort))
	w.bool("allowed", a.Allowed)
	w.text("x_reason", a.Reason)
	w.id("app_uid", &a.Application)
	w.someText("app_domain", a.Host)
	w.someText("ip_address", a.IP)
	w.someText("ray_id", a.Ray)
	w.someText("user_email", a.Email)
	w.someID("x_policy_id", &a.Policy)
	w.someID("x_service_token_id", &a.TokenID)
	w.someText("x_client_id", a.ClientID)
	w.someID("x_user_id", &a.User)
	w.someID("x_idp_id", &a.IDP)
	w.someID("x_device_id", &a.Device)
	w.someID("x_check_id", &a.Check)
	w.someText("x_posture", a.Posture)
	w.someText("x_country", a.Country)
	w.int("x_count", max(a.Count, 1))
	return w.end()
}

// DecodeMsgpack reads the form written by EncodeMsgpack, and the form of version 1, which has other names, ids as bytes
// and times as numbers.
func (a *Authentication) DecodeMsgpack(dec *msgpack.Decoder) error {
	*a = Authentication{}
	var sort Action
	var r mapReader
	r.open(dec)
	for name := r.next(); name != nil; name = r.next() {
		if string(name) == "x_action" {
			r.text((*string)(&sort))
		} else {
			a.member(&r, name)
		}
	}
	if sort != "" {
		a.Action = sort
	}
	return r.err
}

func (a *Authentication) member(r *mapReader, name []byte) {
	switch string(name) {
	case "account_id":
		r.account(&a.Account)
	case "created_at", "at":
		r.time(&a.At)
	case "action":
		r.text((*string)(&a.Action))
	case "allowed":
		r.bool(&a.Allowed)
	case "x_reason", "reason":
		r.text(&a.Reason)
	case "app_uid", "application":
		r.id(&a.Application)
	case "app_domain", "host":
		r.text(&a.Host)
	case "ip_address", "ip":
		r.text(&a.IP)
	case "ray_id", "ray":
		r.text(&a.Ray)
	case "user_email", "email":
		r.text(&a.Email)
	case "x_policy_id", "policy":
		r.id(&a.Policy)
	case "x_service_token_id", "token_id":
		r.id(&a.TokenID)
	case "x_client_id", "client_id":
		r.text(&a.ClientID)
	case "x_user_id", "user":
		r.id(&a.User)
	case "x_idp_id", "idp":
		r.id(&a.IDP)
	case "x_device_id", "device":
		r.id(&a.Device)
	case "x_check_id", "check":
		r.id(&a.Check)
	case "x_posture", "posture":
		r.text(&a.Posture)
	case "x_country", "country":
		r.text(&a.Country)
	case "x_count", "count":
		r.int(&a.Count)
	default:
		r.skip()
	}
}
