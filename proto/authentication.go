package proto

// Action is what somebody did that an [Authentication] records.
type Action string

// The actions.
const (
	ActionService Action = "service" // service credentials were used
	ActionLogin   Action = "login"   // a person logged in to an application
	ActionLogout  Action = "logout"
	ActionRequest Action = "request" // a request was decided by the session, or without anybody's identity
)

// Authentication is one message of ACCESS_LOG: who asked for which application, and what was decided.
// Equal ones of the same second are one message with a Count. Client IDs that nobody has are not recorded.
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
	User   ID     `msgpack:"user"` // zero: nobody logged in
	Email  string `msgpack:"email"`
	IDP    ID     `msgpack:"idp"`    // where the person logged in
	Device ID     `msgpack:"device"` // zero: not known
	// Check is the posture check that stood in the way, where one did.
	Check   ID     `msgpack:"check"`
	Ray     string `msgpack:"ray"` // of the first request: what the refusal page shows
	Country string `msgpack:"country"`
	Count   int    `msgpack:"count"` // how many this message stands for; 0 means 1
}

// Schema implements Message.
func (*Authentication) Schema() Schema { return Schema{"authentication", 1} }
