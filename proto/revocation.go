package proto

// Revocation ends the sessions of a person that began at or before a time. Its id is derived from the account and from
// what identifies the person: an e-mail address, or the id of a user.
type Revocation struct {
	ID    ID     `msgpack:"id"`
	Email string `msgpack:"email"` // lower-case; empty if User is set
	User  ID     `msgpack:"user"`  // zero if Email is set
	// Before is the time of the revocation. Sessions that began later are valid.
	Before Millis `msgpack:"before"`
}

// Schema implements Message.
func (*Revocation) Schema() Schema { return Schema{"revocation", 1} }

// Ends reports whether the revocation ends a session that began at a time.
func (r *Revocation) Ends(startedAt Millis) bool { return startedAt <= r.Before }
