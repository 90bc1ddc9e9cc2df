package login

import (
	"time"

	"plumbline.dev/proto"
)

// The purposes of sealed text.
const (
	purposeFlow  = "flow"
	purposeState = "state"
	purposeCode  = "code"
	purposeHint  = "hint"
	// purposeDenial is that of a denial at an application.
	purposeDenial = "denial"
)

const (
	// flowLife is how long the link to the team domain is valid. The browser follows it at once.
	flowLife = 10 * time.Minute
	// stateLife is how long a person may take at the provider.
	stateLife = 15 * time.Minute
	// codeLife is how long the link back to the application is valid.
	codeLife = time.Minute
)

// flow describes a login and is part of the redirect to the team domain. The gateway that saw the request alone
// determines the origin for the return.
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

// state is sent to the provider and returned by it.
type state struct {
	Flow     flow     `msgpack:"f"`
	Provider proto.ID `msgpack:"p"`
	// Browser is the hash of the CF_Session cookie at the team domain.
	Browser  []byte       `msgpack:"b"`
	Nonce    string       `msgpack:"n"` // expected in the ID token
	Verifier string       `msgpack:"v"` // of PKCE
	Until    proto.Millis `msgpack:"u"`
}

// Schema implements proto.Message.
func (*state) Schema() proto.Schema { return proto.Schema{Name: "login_state", Major: 1} }

// code is sent to the application, which exchanges it for its cookie.
type code struct {
	Flow    flow         `msgpack:"f"`
	Session string       `msgpack:"s"` // the nonce
	Policy  proto.ID     `msgpack:"p"` // the admitting policy
	Ends    proto.Millis `msgpack:"e"` // when the session does
	Until   proto.Millis `msgpack:"u"`
	// Denied is set if the policies denied the person. The code is then not exchanged for a token.
	Denied *denial `msgpack:"d,omitempty"`
}

// Schema implements proto.Message.
func (*code) Schema() proto.Schema { return proto.Schema{Name: "login_code", Major: 1} }

// idTokenHint is the ID token of a session, for the logout at its provider.
type idTokenHint struct {
	Session string `msgpack:"s"` // the nonce
	Token   string `msgpack:"t"`
}

// Schema implements Message.
func (*idTokenHint) Schema() proto.Schema { return proto.Schema{Name: "login_hint", Major: 1} }
