package proto

// Action is the action recorded by an [Authentication].
type Action string

// The actions.
const (
	ActionService Action = "service" // service credentials were used
	ActionLogin   Action = "login"   // a person logged in to an application
	ActionLogout  Action = "logout"
	ActionRequest Action = "request" // a request decided by the session, or without an identity
)

// Authentication is one message of ACCESS_LOG: a request for an application, and the decision. Equal ones of the same
// second are one message with a Count. Unknown Client IDs are not recorded.
type Authentication struct {
	At          Millis `msgpack:"at"`
	Application ID     `msgpack:"application"`
	Allowed     bool   `msgpack:"allowed"`
	Reason      string `msgpack:"reason"` // from the policy engine's closed list
	Policy      ID     `msgpack:"policy"`
	ClientID    string `msgpack:"client_id"`
	TokenID     ID     `msgpack:"token_id"`
	IP          string `msgpack:"ip"`

	Action Action `msgpack:"action"`
	Host   string `msgpack:"host"`
	User   ID     `msgpack:"user"` // zero: no login
	Email  string `msgpack:"email"`
	IDP    ID     `msgpack:"idp"`    // the provider of the login
	Device ID     `msgpack:"device"` // zero: not known
	// Check is the posture check that denied the request, or one that passed for another reason than its score, if there
	// was one. Posture is the reason of its outcome.
	Check   ID     `msgpack:"check"`
	Posture string `msgpack:"posture,omitempty"`
	Ray     string `msgpack:"ray"` // of the first request, shown on the deny page
	Country string `msgpack:"country"`
	Count   int    `msgpack:"count"` // how many this message stands for; 0 means 1
}

// Schema implements Message.
func (*Authentication) Schema() Schema { return Schema{"authentication", 1} }
