package proto

import "encoding/json"

// Error is a rejection sent over the bus: a code for machines and a sentence for people.
type Error struct {
	Code    string `msgpack:"code" json:"code"`
	Message string `msgpack:"message" json:"message"`
}

// Error is the sentence with its code.
func (e *Error) Error() string { return e.Message + " (" + e.Code + ")" }

// ServiceExchange asks for an application token against service credentials, on access.exchange.service.
type ServiceExchange struct {
	Account      Account `msgpack:"account"`
	ClientID     string  `msgpack:"client_id"`
	ClientSecret string  `msgpack:"client_secret"`
	Application  ID      `msgpack:"application"`
	// IP is the address of the request's client, if there is one.
	IP string `msgpack:"ip"`
	// Vouched holds a gateway's facts about the request besides its credentials. The exchange accepts it from gateways
	// only.
	Vouched *Vouched `msgpack:"vouched"`
	// ConfigRevision is the newest revision of an application, a policy, a group or an organization that the sender has
	// seen, and TokensRevision that of a service token; 0 means unknown. An exchange that has not seen them answers
	// [CodeLagging] in place of a decision.
	ConfigRevision uint64 `msgpack:"config_revision"`
	TokensRevision uint64 `msgpack:"tokens_revision"`
}

// CodeLagging is the code of the error of an exchange that has not yet seen a revision named in the request. It is not
// a decision: the sender asks again after a moment. Only requests that name a revision are answered with it.
const CodeLagging = "lagging"

// Vouched are facts about a request known only to its receiver.
type Vouched struct {
	Device      ID        `msgpack:"device"` // zero: not known
	Postures    []Posture `msgpack:"postures"`
	Certificate bool      `msgpack:"certificate"` // a valid client certificate was shown
	CommonName  string    `msgpack:"common_name"` // of it
}

// Posture is the newest outcome of one check for the device behind a request.
type Posture struct {
	Check   ID      `msgpack:"check"`
	Outcome Outcome `msgpack:"outcome"`
}

// Schema implements Message.
func (*ServiceExchange) Schema() Schema { return Schema{"service_exchange", 1} }

// TokenAnswer is the exchange's answer: a token, or why not.
type TokenAnswer struct {
	Token     string `msgpack:"token"`
	ExpiresAt Millis `msgpack:"expires_at"`
	Policy    ID     `msgpack:"policy"` // the admitting policy
	Error     *Error `msgpack:"error"`
}

// Schema implements Message.
func (*TokenAnswer) Schema() Schema { return Schema{"token_answer", 1} }

// UserExchange asks for the token of a logged-in person, on access.exchange.user: an application token, or without an
// application the token of the global session, valid at the team domain only.
type UserExchange struct {
	Account     Account `msgpack:"account"`
	Application ID      `msgpack:"application"`
	// Policy is the Allow policy that admits the person. The exchange checks that it is one of the application's Allow
	// policies.
	Policy ID `msgpack:"policy"`
	// Session is the nonce of the token's session; the token ends with it.
	Session string `msgpack:"session"`
	User    ID     `msgpack:"user"`
	Email   string `msgpack:"email"`
	Country string `msgpack:"country"`
	// Custom are the claims configured for the identity provider, a JSON object; empty means none.
	Custom json.RawMessage `msgpack:"custom"`
	// Until is when the session ends.
	Until Millis `msgpack:"until"`
	// ConfigRevision is as in [ServiceExchange].
	ConfigRevision uint64 `msgpack:"config_revision"`
}

// Schema implements Message.
func (*UserExchange) Schema() Schema { return Schema{"user_exchange", 1} }

// StatementKind is the purpose of a [Statement].
type StatementKind string

// The kinds of statements.
const (
	// StatementMeta goes with the redirect to the login (api/README.md 8.5).
	StatementMeta StatementKind = "meta"
	// StatementMatch names the application of a host to a command line client (api/README.md 8.8).
	StatementMatch StatementKind = "match"
	// StatementExternal is the question for an external evaluation (api/README.md 4.3).
	StatementExternal StatementKind = "external"
	// StatementAnybody is an application token for a request admitted by a Service Auth policy without an identity: by
	// address, certificate or device. Its sub is empty, as a service's, and its common_name that of the certificate.
	StatementAnybody StatementKind = "anybody"
)

// Statement asks for a signed statement about an application, on access.exchange.statement. Only a [StatementAnybody]
// admits a request.
type Statement struct {
	Kind        StatementKind `msgpack:"kind"`
	Account     Account       `msgpack:"account"`
	Application ID            `msgpack:"application"`
	Hostname    string        `msgpack:"hostname"`
	RedirectURL string        `msgpack:"redirect_url"`
	// ServiceTokenStatus is false if the request has wrong service credentials.
	ServiceTokenStatus bool `msgpack:"service_token_status"`

	// Members of a StatementExternal, with the claims aud, identity and nonce besides type, iss, iat, nbf and an exp a
	// minute later: Audience is the URL of the evaluation, Identity a JSON object about the user, and Nonce the value
	// for the answer to repeat.
	Audience string          `msgpack:"audience"`
	Identity json.RawMessage `msgpack:"identity"`
	Nonce    string          `msgpack:"nonce"`

	// Members of a StatementAnybody: the admitting policy, which the exchange checks to be a Service Auth policy of the
	// application, and the common name of the client certificate, empty if there is none.
	Policy     ID     `msgpack:"policy"`
	CommonName string `msgpack:"common_name"`
	// ConfigRevision is as in [ServiceExchange].
	ConfigRevision uint64 `msgpack:"config_revision"`
}

// Schema implements Message.
func (*Statement) Schema() Schema { return Schema{"statement", 1} }

// CertsQuery asks for the public keys, on access.certs.
type CertsQuery struct{}

// Schema implements Message.
func (*CertsQuery) Schema() Schema { return Schema{"certs_query", 1} }

// CertsAnswer holds the document served at /cdn-cgi/access/certs (api/README.md 8.2), as JSON.
type CertsAnswer struct {
	Certs []byte `msgpack:"certs"`
	Error *Error `msgpack:"error"`
}

// Schema implements Message.
func (*CertsAnswer) Schema() Schema { return Schema{"certs_answer", 1} }

// SigningKey is a record of the KEYS bucket: a key pair only the exchange can open.
type SigningKey struct {
	KID         string `msgpack:"kid"`         // 64 hex characters
	Certificate []byte `msgpack:"certificate"` // DER, public
	Sealed      []byte `msgpack:"sealed"`      // PKCS #8, sealed to the exchange
	CreatedAt   Millis `msgpack:"created_at"`
}

// Schema implements Message.
func (*SigningKey) Schema() Schema { return Schema{"signing_key", 1} }

// KeyRotation is the record of the KEYS bucket with the role of each signing key. Keys are numbered in the order of
// their creation; every existing key is published.
type KeyRotation struct {
	Current      uint64        `msgpack:"current"` // the number of the signing key
	Since        Millis        `msgpack:"since"`   // when it began to
	IntervalDays int           `msgpack:"interval_days"`
	Previous     []RetiringKey `msgpack:"previous"` // still accepted
	// Wanted is set if a rotation was requested and the next key has not been published long enough.
	Wanted bool `msgpack:"wanted"`
}

// RetiringKey is a key that no longer signs, and the time until its tokens are accepted.
type RetiringKey struct {
	Number uint64 `msgpack:"number"`
	Until  Millis `msgpack:"until"`
}

// Schema implements Message.
func (*KeyRotation) Schema() Schema { return Schema{"key_rotation", 1} }

// KeysCommand asks how the signing keys stand, on access.keys, and may change it.
type KeysCommand struct {
	IntervalDays int  `msgpack:"interval_days"` // 0: as it is
	Rotate       bool `msgpack:"rotate"`
}

// Schema implements Message.
func (*KeysCommand) Schema() Schema { return Schema{"keys_command", 1} }

// KeysAnswer is how the signing keys stand.
type KeysAnswer struct {
	IntervalDays int    `msgpack:"interval_days"`
	LastRotation Millis `msgpack:"last_rotation"`
	NextRotation Millis `msgpack:"next_rotation"`
	Error        *Error `msgpack:"error"`
}

// Schema implements Message.
func (*KeysAnswer) Schema() Schema { return Schema{"keys_answer", 1} }
