package proto

import "time"

// The records of the TOKENS bucket. Of a secret there is only its SHA-256.

// ServiceToken is the record of a service token.
type ServiceToken struct {
	ID       ID     `msgpack:"id"`
	ClientID string `msgpack:"client_id"` // 32 hex characters and ".access"
	Name     string `msgpack:"name"`
	// SecretHash is the SHA-256 of the Client Secret: 40 random characters leave nothing to guess.
	SecretHash []byte        `msgpack:"secret_hash"`
	Version    int           `msgpack:"version"`  // client_secret_version, from 1
	Duration   time.Duration `msgpack:"duration"` // 0: forever
	// DurationText is the duration as it was sent.
	DurationText string `msgpack:"duration_text"`
	Disabled     bool   `msgpack:"disabled"`
	ExpiresAt    Millis `msgpack:"expires_at"`
	CreatedAt    Millis `msgpack:"created_at"`
	UpdatedAt    Millis `msgpack:"updated_at"`
	// PreviousHash is the hash of the secret before the last rotation, accepted until PreviousUntil.
	PreviousHash  []byte `msgpack:"previous_hash"`
	PreviousUntil Millis `msgpack:"previous_until"`
	// Zone is the namespace it was created in; zero means none.
	Zone Account `msgpack:"zone"`
}

// Schema implements Message.
func (*ServiceToken) Schema() Schema { return Schema{"service_token", 1} }

// TokenSeen is the time a service token was last verified. It is not in the token's record, so use does not change the
// revision editors rely on.
type TokenSeen struct {
	At Millis `msgpack:"at"`
}

// Schema implements Message.
func (*TokenSeen) Schema() Schema { return Schema{"token_seen", 1} }

// APIToken is the record of a token of the control plane. Its key is made of its hash.
type APIToken struct {
	ID         ID     `msgpack:"id"`
	Name       string `msgpack:"name"`
	SecretHash []byte `msgpack:"secret_hash"`
	CreatedAt  Millis `msgpack:"created_at"`
	ExpiresAt  Millis `msgpack:"expires_at"` // 0: never
	// All marks a token with every permission, including those of later versions; Policies are ignored then.
	All       bool          `msgpack:"all"`
	Policies  []TokenPolicy `msgpack:"policies"`
	NotBefore Millis        `msgpack:"not_before"` // 0: from the beginning
	Disabled  bool          `msgpack:"disabled"`
	UpdatedAt Millis        `msgpack:"updated_at"` // 0: never changed
	// Email is the token's address for use as an API key (X-Auth-Key).
	Email string `msgpack:"email"`
	// AllowFrom and DenyFrom are the addresses, CIDR, it may be used from: without AllowFrom, from any.
	AllowFrom []string `msgpack:"allow_from"`
	DenyFrom  []string `msgpack:"deny_from"`
	// Creator is the token that created it; zero for a token made at first start.
	Creator ID `msgpack:"creator"`
}

// Schema implements Message.
func (*APIToken) Schema() Schema { return Schema{"api_token", 1} }

// TokenPolicy allows, or denies, permission groups of the control plane.
type TokenPolicy struct {
	ID     ID       `msgpack:"id"`
	Deny   bool     `msgpack:"deny"`
	Groups []string `msgpack:"groups"` // ids
	// Zones are the policy's zones, the zero account for all of them; none means the whole account.
	Zones []Account `msgpack:"zones"`
	// Resources are those, as they were sent: JSON.
	Resources []byte `msgpack:"resources"`
}
