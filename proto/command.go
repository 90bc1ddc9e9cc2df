package proto

import "github.com/vmihailenco/msgpack/v5"

// Command asks the registry to change the inventory: first the removals, then the upserts, each in order.
// An upsert of a device that is enrolled updates it where it is. At most [MaxCommand] devices in all.
type Command struct {
	Remove []ID
	Upsert []Device
}

// Schema implements Message.
func (*Command) Schema() Schema { return Schema{"command", 1} }

// EncodeMsgpack writes [[remove...], [upsert...]].
func (c *Command) EncodeMsgpack(enc *msgpack.Encoder) error {
	w := writer{enc: enc}
	w.array(2)
	w.array(len(c.Remove))
	for _, id := range c.Remove {
		w.id(&id)
	}
	encodeDevices(&w, c.Upsert)
	return w.err
}

// DecodeMsgpack reads what EncodeMsgpack writes.
func (c *Command) DecodeMsgpack(dec *msgpack.Decoder) error {
	r := readArray(dec, 2)
	*c = Command{}
	n := r.list(MaxCommand)
	ids := reader{dec: dec, left: n, err: r.err}
	for ids.left > 0 && ids.err == nil {
		var id ID
		ids.id(&id)
		c.Remove = append(c.Remove, id)
	}
	r.keep(ids.err)
	c.Upsert = decodeDevices(&r, MaxCommand)
	return r.close()
}

// CommandAnswer is what the registry did with a command. The counts, with the refusals, add up to the
// devices it named; a device that was named twice counts twice.
type CommandAnswer struct {
	Seq       uint64    `msgpack:"seq"` // of the command in DEVICE_COMMANDS
	Enrolled  int       `msgpack:"enrolled"`
	Updated   int       `msgpack:"updated"`
	Unchanged int       `msgpack:"unchanged"`
	Removed   int       `msgpack:"removed"`
	Absent    int       `msgpack:"absent"`  // removals of devices that were not enrolled
	Refused   []Refusal `msgpack:"refused"` // at most [MaxRefusals]
	// RefusedMore counts the refusals that Refused has no room for.
	RefusedMore int `msgpack:"refused_more"`
	// Error, where it is set, is why the command as a whole was not taken; the counts mean nothing then.
	Error *Error `msgpack:"error"`
}

// Refusal is a device that a command named and that was not taken, and why.
type Refusal struct {
	Device ID     `msgpack:"device"`
	Error  *Error `msgpack:"error"`
}

// Schema implements Message.
func (*CommandAnswer) Schema() Schema { return Schema{"command_answer", 1} }

// Cursor is how far the registry has come: it is committed with the pages of each command, or of each
// part of a large one, and fences off a second registry.
type Cursor struct {
	Seq     uint64        `msgpack:"seq"`     // the command's sequence in DEVICE_COMMANDS
	Applied int           `msgpack:"applied"` // devices of it that are done
	Done    bool          `msgpack:"done"`    // all of them are
	Answer  CommandAnswer `msgpack:"answer"`  // so far; given again if the command comes again
	// StoredAt is when the server stored the command. It tells a repetition from a command of a stream
	// that was made anew, whose sequences begin again.
	StoredAt Millis `msgpack:"stored_at"`
}

// Schema implements Message.
func (*Cursor) Schema() Schema { return Schema{"cursor", 1} }
