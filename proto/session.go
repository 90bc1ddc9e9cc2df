package proto

import "encoding/json"

// Session is a record of the SESSIONS bucket: a person's login. Tokens with its nonce end with it.
type Session struct {
	// Nonce is the identity_nonce claim of its tokens: 16 characters.
	Nonce string `msgpack:"nonce"`
	User  ID     `msgpack:"user"`
	Email string `msgpack:"email"`
	Name  string `msgpack:"name"`
	IDP   ID     `msgpack:"idp"`
	// Subject is the provider's own name of the person.
	Subject string `msgpack:"subject"`
	// AMR is the method of authentication (RFC 8176), as the provider states it.
	AMR []string `msgpack:"amr"`
	// Claims are the provider's claims, a JSON object.
	Claims    json.RawMessage `msgpack:"claims"`
	Device    ID              `msgpack:"device"` // of the login, if known
	IP        string          `msgpack:"ip"`
	Country   string          `msgpack:"country"`
	StartedAt Millis          `msgpack:"started_at"`
	ExpiresAt Millis          `msgpack:"expires_at"`
	// Hint is the provider's ID token, sealed by the gateways for themselves: it identifies the login to end at the
	// provider. Empty if not kept.
	Hint string `msgpack:"hint"`
}

// Schema implements Message.
func (*Session) Schema() Schema { return Schema{"session", 1} }

// User is a record of the SESSIONS bucket: a person, and their newest session.
type User struct {
	ID         ID      `msgpack:"id"`
	Email      string  `msgpack:"email"`
	Name       string  `msgpack:"name"`
	CreatedAt  Millis  `msgpack:"created_at"`
	LastSeenAt Millis  `msgpack:"last_seen_at"`
	Last       Session `msgpack:"last"`
}

// Schema implements Message.
func (*User) Schema() Schema { return Schema{"user", 1} }

// Used is a record of the SESSIONS bucket for something valid once: the state of a login, a one-time code. The creator
// of the record may go on.
type Used struct {
	At Millis `msgpack:"at"`
}

// Schema implements Message.
func (*Used) Schema() Schema { return Schema{"used", 1} }
