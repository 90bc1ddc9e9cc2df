package login

import (
	"time"

	"plumbline.dev/proto"
)

// The purposes of what is sealed.
const (
	purposeFlow  = "flow"
	purposeState = "state"
	purposeCode  = "code"
	purposeHint  = "hint"
	// purposeDenial is that of a denial at an application.
	purposeDenial = "denial"
)

const (
	// flowLife is how long the link to the team domain is good for: the browser follows it at once.
	flowLife = 10 * time.Minute
	// stateLife is how long a person may take at the provider.
	stateLife = 15 * time.Minute
	// codeLife is how long the link back to the application is good for.
	codeLife = time.Minute
)

// flow is what a login is for: it goes with the redirect to the team domain. The gateway alone says which
// origin the person is sent back to, since it saw the request.
type flow struct {
	Account     proto.Account `msgpack:"a"`
	Application proto.ID      `msgpack:"i"`
	Origin      string        `msgpack:"o"` // scheme://host[:port] of the application
	Path        string        `msgpack:"p"` // with its query
	// Browser is the hash of the CF_AppSession cookie.
	Browser []byte       `msgpack:"b"`
	Until   proto.Millis `msgpack:"u"`
}

// Schema implements proto.Message.
func (*flow) Schema() proto.Schema { return proto.Schema{Name: "login_flow", Major: 1} }

// state goes to the provider and comes back.
type state struct {
	Flow     flow     `msgpack:"f"`
	Provider proto.ID `msgpack:"p"`
	// Browser is the hash of the CF_Session cookie at the team domain.
	Browser  []byte       `msgpack:"b"`
	Nonce    string       `msgpack:"n"` // that the ID token must hold
	Verifier string       `msgpack:"v"` // of PKCE
	Until    proto.Millis `msgpack:"u"`
}

// Schema implements proto.Message.
func (*state) Schema() proto.Schema { return proto.Schema{Name: "login_state", Major: 1} }

// code goes back to the application, whose cookie it becomes.
type code struct {
	Flow    flow         `msgpack:"f"`
	Session string       `msgpack:"s"` // the nonce
	Policy  proto.ID     `msgpack:"p"` // that admits
	Ends    proto.Millis `msgpack:"e"` // when the session does
	Until   proto.Millis `msgpack:"u"`
	// Denied is set if the policies denied the person: the code becomes no token then.
	Denied *denial `msgpack:"d,omitempty"`
}

// Schema implements proto.Message.
func (*code) Schema() proto.Schema { return proto.Schema{Name: "login_code", Major: 1} }

// idTokenHint is the ID token of a session, which goes back to its provider at the logout.
type idTokenHint struct {
	Session string `msgpack:"s"` // the nonce
	Token   string `msgpack:"t"`
}

// Schema implements Message.
func (*idTokenHint) Schema() proto.Schema { return proto.Schema{Name: "login_hint", Major: 1} }
