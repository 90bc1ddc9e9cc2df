package proto

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

// Authentication is one message of ACCESS_LOG: who asked for which application, and what was decided.
type Authentication struct {
	At          Millis `msgpack:"at"`
	Application ID     `msgpack:"application"`
	Allowed     bool   `msgpack:"allowed"`
	Reason      string `msgpack:"reason"` // from the policy engine's closed list
	Policy      ID     `msgpack:"policy"`
	ClientID    string `msgpack:"client_id"`
	TokenID     ID     `msgpack:"token_id"`
	IP          string `msgpack:"ip"`
}

// Schema implements Message.
func (*Authentication) Schema() Schema { return Schema{"authentication", 1} }
