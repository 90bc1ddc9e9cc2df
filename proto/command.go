package proto

import "github.com/vmihailenco/msgpack/v5"

// Command asks the registry to change the inventory: first the removals, then the upserts, the revocations and
// their ends, each in order. An upsert of a device that is enrolled updates it where it is; one that is revoked
// stays so. At most [MaxCommand] devices in all.
type Command struct {
	Remove   []ID
	Upsert   []Device
	Revoke   []ID
	Unrevoke []ID
}

// Schema implements Message.
func (*Command) Schema() Schema { return Schema{"command", 1} }

// EncodeMsgpack writes [[remove...], [upsert...], [revoke...], [unrevoke...]], without the last two where both
// are empty.
func (c *Command) EncodeMsgpack(enc *msgpack.Encoder) error {
	w := writer{enc: enc}
	short := len(c.Revoke)+len(c.Unrevoke) == 0
	if short {
		w.array(2)
	} else {
		w.array(4)
	}
	encodeIDs(&w, c.Remove)
	encodeDevices(&w, c.Upsert)
	if !short {
		encodeIDs(&w, c.Revoke)
		encodeIDs(&w, c.Unrevoke)
	}
	return w.err
}

func encodeIDs(w *writer, ids []ID) {
	w.array(len(ids))
	for i := range ids {
		w.id(&ids[i])
	}
}

// DecodeMsgpack reads what EncodeMsgpack writes.
func (c *Command) DecodeMsgpack(dec *msgpack.Decoder) error {
	r := readArray(dec, 2)
	*c = Command{}
	c.Remove = decodeIDs(&r)
	c.Upsert = decodeDevices(&r, MaxCommand)
	c.Revoke, c.Unrevoke = decodeIDs(&r), decodeIDs(&r)
	return r.close()
}

func decodeIDs(r *reader) (all []ID) {
	ids := reader{dec: r.dec, left: r.list(MaxCommand), err: r.err}
	for ids.left > 0 && ids.err == nil {
		var id ID
		ids.id(&id)
		all = append(all, id)
	}
	r.keep(ids.err)
	return all
}

// CommandAnswer is what the registry did with a command. The counts, with the refusals, add up to the
// devices it named; a device that was named twice counts twice. A device that was revoked, or no longer is,
// counts as updated; where it was so already, as unchanged.
type CommandAnswer struct {
	Seq       uint64    `msgpack:"seq"` // of the command in DEVICE_COMMANDS
	Enrolled  int       `msgpack:"enrolled"`
	Updated   int       `msgpack:"updated"`
	Unchanged int       `msgpack:"unchanged"`
	Removed   int       `msgpack:"removed"`
	Absent    int       `msgpack:"absent"`  // removals and revocations of devices that were not enrolled
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
