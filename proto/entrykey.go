package proto

// EntryKey is a record of the ENTRY_KEYS bucket: a key pair that signs entries and that only evaluators can open.
type EntryKey struct {
	KID string `msgpack:"kid"` // thumbprint of the public key (RFC 7638)
	// Sealed is the private key, sealed to the evaluators; once the key is retired, the public key, sealed as well. The
	// public keys are therefore as authentic as the private ones.
	Sealed    []byte `msgpack:"sealed"`
	CreatedAt Millis `msgpack:"created_at"`
	RetiredAt Millis `msgpack:"retired_at"` // 0: the private key exists
}

// Schema implements Message.
func (*EntryKey) Schema() Schema { return Schema{"entry_key", 1} }

// EntryKeysQuery asks for the public keys of entries, on posture.keys.
type EntryKeysQuery struct{}

// Schema implements Message.
func (*EntryKeysQuery) Schema() Schema { return Schema{"entry_keys_query", 1} }

// EntryKeysAnswer holds the public keys of entries as a JSON Web Key Set (RFC 7517).
type EntryKeysAnswer struct {
	Keys  []byte `msgpack:"keys"`
	Error *Error `msgpack:"error"`
}

// Schema implements Message.
func (*EntryKeysAnswer) Schema() Schema { return Schema{"entry_keys_answer", 1} }
