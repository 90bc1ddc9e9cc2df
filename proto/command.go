package proto

import "github.com/vmihailenco/msgpack/v5"

// Command asks the registry to change the inventory: first the removals, then the upserts, the revocations and their
// ends, each in order. An upsert of an enrolled device updates it in place; a revoked device stays revoked. A command
// has at most [MaxCommand] devices.
type Command struct {
	Remove   []ID
	Upsert   []Device
	Revoke   []ID
	Unrevoke []ID
}

// Schema implements Message.
func (*Command) Schema() Schema { return Schema{"command", 1} }

// EncodeMsgpack writes [[remove...], [upsert...], [revoke...], [unrevoke...]], without the last two if both are empty.
func (c *Command) EncodeMsgpack(enc *msgpack.Encoder) error { return encodeTo(enc, c) }

// encode implements fielded.
func (c *Command) encode(w *writer) {
	short := len(c.Revoke)+len(c.Unrevoke) == 0
	if short {
		w.array(2)
	} else {
		w.array(4)
	}
	encodeIDs(w, c.Remove)
	encodeDevices(w, c.Upsert)
	if !short {
		encodeIDs(w, c.Revoke)
		encodeIDs(w, c.Unrevoke)
	}
}

// size implements fielded.
func (c *Command) size() int {
	return 20 + 18*(len(c.Remove)+len(c.Revoke)+len(c.Unrevoke)) + sizeOfDevices(c.Upsert)
}

func encodeIDs(w *writer, ids []ID) {
	w.array(len(ids))
	for i := range ids {
		w.id(&ids[i])
	}
}

// DecodeMsgpack reads the form written by EncodeMsgpack.
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

// CommandAnswer is the registry's result of a command. The counts, with the refusals, add up to the named devices; a
// device named twice counts twice. A device revoked, or no longer revoked, counts as updated; if it was so already, as
// unchanged.
type CommandAnswer struct {
	Seq       uint64    `msgpack:"seq"` // of the command in DEVICE_COMMANDS
	Enrolled  int       `msgpack:"enrolled"`
	Updated   int       `msgpack:"updated"`
	Unchanged int       `msgpack:"unchanged"`
	Removed   int       `msgpack:"removed"`
	Absent    int       `msgpack:"absent"`  // removals and revocations of devices not enrolled
	Refused   []Refusal `msgpack:"refused"` // at most [MaxRefusals]
	// RefusedMore counts the refusals beyond the limit of Refused.
	RefusedMore int `msgpack:"refused_more"`
	// Error, if set, is the reason the whole command was rejected; the counts have no meaning then.
	Error *Error `msgpack:"error"`
}

// Refusal is a rejected device of a command, and the reason.
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
	Applied int           `msgpack:"applied"` // its devices done so far
	Done    bool          `msgpack:"done"`    // all of them are
	Answer  CommandAnswer `msgpack:"answer"`  // so far; given again if the command comes again
	// StoredAt is the time the server stored the command. It distinguishes a redelivery from a command of a stream
	// created anew, with sequences from the start.
	StoredAt Millis `msgpack:"stored_at"`
	// Counted reports whether Accounts names every page that there was after this commit. A cursor of a registry
	// that did not note pages is not counted.
	Counted  bool           `msgpack:"counted"`
	Accounts []AccountPages `msgpack:"accounts"`
}

// AccountPages are the marks of an account's pages, by page number.
type AccountPages struct {
	Account Account    `msgpack:"account"`
	Pages   []PageMark `msgpack:"pages"`
}

// Schema implements Message.
func (*Cursor) Schema() Schema { return Schema{"cursor", 1} }
