package proto

// Zone is a namespace of an account with hosts of its own: applications created in the zone lie within them. Its id is
// in its key.
type Zone struct {
	Name string `msgpack:"name"`
	// Hosts are host suffixes in lower case: "example.com" stands for itself and every name under it. None: the
	// zone has no applications.
	Hosts     []string `msgpack:"hosts"`
	CreatedAt Millis   `msgpack:"created_at"`
	UpdatedAt Millis   `msgpack:"updated_at"`
}

// Schema implements Message.
func (*Zone) Schema() Schema { return Schema{"zone", 1} }
