package proto

import (
	"encoding/json"
	"time"
)

// Group is a set of rules. Policies refer to it by one rule.
type Group struct {
	ID        ID     `msgpack:"id"`
	Name      string `msgpack:"name"`
	Include   []Rule `msgpack:"include"`
	Exclude   []Rule `msgpack:"exclude"`
	Require   []Rule `msgpack:"require"`
	CreatedAt Millis `msgpack:"created_at"`
	UpdatedAt Millis `msgpack:"updated_at"`
	// Sent is the group as the client sent it.
	Sent json.RawMessage `msgpack:"sent"`
	// Zone is the namespace it was created in; zero means none.
	Zone Account `msgpack:"zone"`
}

// Schema implements Message.
func (*Group) Schema() Schema { return Schema{"group", 1} }

// Tag is a label for applications. Its id is derived from its name.
type Tag struct {
	Name      string `msgpack:"name"`
	CreatedAt Millis `msgpack:"created_at"`
	UpdatedAt Millis `msgpack:"updated_at"`
}

// Schema implements Message.
func (*Tag) Schema() Schema { return Schema{"tag", 1} }

// TypeOIDC is the only type of identity provider this build supports for logins.
const TypeOIDC = "oidc"

// IdentityProvider is a provider for logins.
type IdentityProvider struct {
	ID   ID     `msgpack:"id"`
	Name string `msgpack:"name"`
	Type string `msgpack:"type"`
	// ClientID is ours at the provider; SealedSecret its secret, sealed to the gateways with the provider's
	// id inside, empty for a public client.
	ClientID     string `msgpack:"client_id"`
	SealedSecret []byte `msgpack:"sealed_secret"`
	// Issuer, if set, is checked in every ID token, and missing endpoints are discovered from it.
	Issuer   string   `msgpack:"issuer"`
	AuthURL  string   `msgpack:"auth_url"`
	TokenURL string   `msgpack:"token_url"`
	CertsURL string   `msgpack:"certs_url"`
	Scopes   []string `msgpack:"scopes"` // none: openid, email, profile
	// Claims are the claims copied into application tokens, under "custom".
	Claims     []string `msgpack:"claims"`
	EmailClaim string   `msgpack:"email_claim"` // empty: email
	Prompt     string   `msgpack:"prompt"`
	// Plain disables PKCE, for a provider that rejects it.
	Plain     bool   `msgpack:"plain"`
	CreatedAt Millis `msgpack:"created_at"`
	UpdatedAt Millis `msgpack:"updated_at"`
	// Sent is the provider as the client sent it, without its secrets.
	Sent json.RawMessage `msgpack:"sent"`
	// Zone is the namespace it was created in; zero means none.
	Zone Account `msgpack:"zone"`
}

// Schema implements Message.
func (*IdentityProvider) Schema() Schema { return Schema{"identity_provider", 1} }

// Organization is an account's settings of access. Without a record its zero value holds: strict mode, no
// inactivity, sessions of a day. Its id is the account's bytes.
type Organization struct {
	Name string `msgpack:"name"`
	// Lenient turns off strict service-token mode (api/README.md 8.6), on by default.
	Lenient bool `msgpack:"lenient"`
	// SessionDuration limits global sessions; 0 means a day. [Immediately] stands for sessions that expire at once.
	SessionDuration time.Duration `msgpack:"session_duration"`
	Inactivity      Inactivity    `msgpack:"inactivity"`
	// Breaker has the settings for what a check does not set itself; nil: none (see [BreakerOf]).
	Breaker *BreakerSettings `msgpack:"breaker"`
	// Observe, unless nil, turns enforcement off until a time.
	Observe   *ObserveSwitch `msgpack:"observe"`
	CreatedAt Millis         `msgpack:"created_at"`
	UpdatedAt Millis         `msgpack:"updated_at"`
	// Sent is the organisation as the client sent it.
	Sent json.RawMessage `msgpack:"sent"`
}

// Schema implements Message.
func (*Organization) Schema() Schema { return Schema{"organization", 1} }

// Inactivity is the action for unused service tokens (api/README.md 2.5).
type Inactivity struct {
	Enabled bool `msgpack:"enabled"`
	Days    int  `msgpack:"days"`   // 30 to 365
	Delete  bool `msgpack:"delete"` // rather than turn off
}
