package proto

import "encoding/json"

// Error is a refusal that crosses the bus: a code for machines and a sentence for people.
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
	// IP is the address that the request came from, where there is one.
	IP string `msgpack:"ip"`
	// Vouched is what a gateway found out about the request beside its credentials. The exchange takes it
	// from gateways only.
	Vouched *Vouched `msgpack:"vouched"`
}

// Vouched are facts about a request that only who received it can know.
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
	Policy    ID     `msgpack:"policy"` // that admitted it
	Error     *Error `msgpack:"error"`
}

// Schema implements Message.
func (*TokenAnswer) Schema() Schema { return Schema{"token_answer", 1} }

// UserExchange asks for the token of a person who has logged in, on access.exchange.user: an application
// token, or with no application the token of the global session, which is good at the team domain only.
type UserExchange struct {
	Account     Account `msgpack:"account"`
	Application ID      `msgpack:"application"`
	// Policy is the Allow policy that admits the person. The exchange makes sure that it is one, and one
	// of the application's.
	Policy ID `msgpack:"policy"`
	// Session is the nonce of the session that the token belongs to and ends with.
	Session string `msgpack:"session"`
	User    ID     `msgpack:"user"`
	Email   string `msgpack:"email"`
	Country string `msgpack:"country"`
	// Custom are the claims that the identity provider's configuration asks for, a JSON object; empty: none.
	Custom json.RawMessage `msgpack:"custom"`
	// Until is when the session ends.
	Until Millis `msgpack:"until"`
}

// Schema implements Message.
func (*UserExchange) Schema() Schema { return Schema{"user_exchange", 1} }

// StatementKind is what a [Statement] is for.
type StatementKind string

// The kinds of statements.
const (
	// StatementMeta goes with the redirect to the login (contract.md 8.5).
	StatementMeta StatementKind = "meta"
	// StatementMatch tells a command line client which application guards a host (contract.md 8.8).
	StatementMatch StatementKind = "match"
	// StatementExternal is the question that an external evaluation is asked (contract.md 4.3).
	StatementExternal StatementKind = "external"
	// StatementAnybody is an application token, for a request that a Service Auth policy admits whoever makes it:
	// from an address, with a certificate, with a device that passes. Its sub is empty, as a service's, and its
	// common_name that of the certificate.
	StatementAnybody StatementKind = "anybody"
)

// Statement asks for a signed statement about an application, on access.exchange.statement. But for
// [StatementAnybody] it admits nobody to anything.
type Statement struct {
	Kind        StatementKind `msgpack:"kind"`
	Account     Account       `msgpack:"account"`
	Application ID            `msgpack:"application"`
	Hostname    string        `msgpack:"hostname"`
	RedirectURL string        `msgpack:"redirect_url"`
	// ServiceTokenStatus is false where service credentials were shown and not right.
	ServiceTokenStatus bool `msgpack:"service_token_status"`

	// Of a StatementExternal, which has the claims aud, identity and nonce beside type, iss, iat, nbf and an
	// exp a minute later: Audience is the URL that is asked, Identity a JSON object about whoever asks for
	// the application, and Nonce what the answer has to repeat.
	Audience string          `msgpack:"audience"`
	Identity json.RawMessage `msgpack:"identity"`
	Nonce    string          `msgpack:"nonce"`

	// Of a StatementAnybody: the policy that admits, of which the exchange makes sure that it is a Service Auth
	// policy of the application's, and the common name of the client certificate, empty where there is none.
	Policy     ID     `msgpack:"policy"`
	CommonName string `msgpack:"common_name"`
}

// Schema implements Message.
func (*Statement) Schema() Schema { return Schema{"statement", 1} }

// CertsQuery asks for the public keys, on access.certs.
type CertsQuery struct{}

// Schema implements Message.
func (*CertsQuery) Schema() Schema { return Schema{"certs_query", 1} }

// CertsAnswer holds the document that /cdn-cgi/access/certs serves (contract.md 8.2), as JSON.
type CertsAnswer struct {
	Certs []byte `msgpack:"certs"`
	Error *Error `msgpack:"error"`
}

// Schema implements Message.
func (*CertsAnswer) Schema() Schema { return Schema{"certs_answer", 1} }

// SigningKey is a record of the KEYS bucket: a key pair that only the exchange can open.
type SigningKey struct {
	KID         string `msgpack:"kid"`         // 64 hex characters
	Certificate []byte `msgpack:"certificate"` // DER, public
	Sealed      []byte `msgpack:"sealed"`      // PKCS #8, sealed to the exchange
	CreatedAt   Millis `msgpack:"created_at"`
}

// Schema implements Message.
func (*SigningKey) Schema() Schema { return Schema{"signing_key", 1} }

// KeyRotation is the record of the KEYS bucket that says which of the signing keys does what. Keys are
// numbered in the order in which they were made; every key that is there is published.
type KeyRotation struct {
	Current      uint64        `msgpack:"current"` // the number of the key that signs
	Since        Millis        `msgpack:"since"`   // when it began to
	IntervalDays int           `msgpack:"interval_days"`
	Previous     []RetiringKey `msgpack:"previous"` // still accepted
	// Wanted is set where a rotation was asked for and the next key has not been published long enough.
	Wanted bool `msgpack:"wanted"`
}

// RetiringKey is a key that signs no more, and until when its tokens are accepted.
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
