package proto

// Member is a person with roles in an account. Its id is derived from the account and the e-mail address.
type Member struct {
	ID    ID     `msgpack:"id"`
	Email string `msgpack:"email"` // as sent; addresses are compared without case
	// Roles are the ids of the member's roles.
	Roles []string `msgpack:"roles"`
	// Pending marks a member who may not use the account yet, or no longer.
	Pending   bool   `msgpack:"pending"`
	CreatedAt Millis `msgpack:"created_at"`
	UpdatedAt Millis `msgpack:"updated_at"`
}

// Schema implements Message.
func (*Member) Schema() Schema { return Schema{"member", 1} }
