package proto

import (
	"encoding/json"

	"github.com/vmihailenco/msgpack/v5"
)

// AuditEvent is one configuration change, on audit.<account>. Before and After have no secrets. The names in the tags
// are for an event within an [AuditOutbox].
type AuditEvent struct {
	// Account is zero in an outbox, and in version 1: readers use the subject.
	Account Account `msgpack:"-"`

	ID     ID     `msgpack:"id"`
	At     Millis `msgpack:"at"`
	Actor  Actor  `msgpack:"actor"`
	Action string `msgpack:"action"` // create, update, delete, rotate, refresh, revoke
	// Kind and Resource identify the changed resource; Name is its name for people.
	Kind     string `msgpack:"kind"`
	Resource string `msgpack:"resource"`
	Name     string `msgpack:"name"`
	// Before and After are the resource as the API shows it, JSON objects; empty if there is none.
	Before json.RawMessage `msgpack:"before"`
	After  json.RawMessage `msgpack:"after"`
	// Unsure is set if the outcome of an action is unknown: the replica in charge ended before reporting it.
	Unsure bool `msgpack:"unsure,omitempty"`
	// Records are the keys that the change wrote. With them a bucket that lost the change can be told.
	Records []AuditRecord `msgpack:"records,omitempty"`
}

// AuditRecord is a key that a change wrote, and the revision that it replaced: the key's revision is higher since.
type AuditRecord struct {
	Subject  string `msgpack:"subject"` // of the bucket's stream
	Replaced uint64 `msgpack:"replaced"`
	Deleted  bool   `msgpack:"deleted,omitempty"`
}

// Actor is the author of a change.
type Actor struct {
	Type string `msgpack:"type"` // token, key, user (a person), or system for the services
	ID   string `msgpack:"id"`
	Name string `msgpack:"name"`
	IP   string `msgpack:"ip"`
	// Email is the address of the API key or of the person.
	Email string `msgpack:"email"`
}

// AuditOutbox is an event still to be published in the audit log: of changes stored with it, or of an action about to
// be done.
type AuditOutbox struct {
	Events []*AuditEvent `msgpack:"events"`
	// Begun is set for an action in progress; another message replaces this one once the action is over.
	Begun bool `msgpack:"begun,omitempty"`
}

// Schema implements Message.
func (*AuditOutbox) Schema() Schema { return Schema{"audit_outbox", 1} }

// storedEvent is an event within an outbox: services alone read it, by the names of the tags.
type storedEvent AuditEvent

// storedOutbox is the wire form of an [AuditOutbox].
type storedOutbox struct {
	Events []*storedEvent `msgpack:"events"`
	Begun  bool           `msgpack:"begun,omitempty"`
}

// EncodeMsgpack writes a map by the names of the tags.
func (o *AuditOutbox) EncodeMsgpack(enc *msgpack.Encoder) error {
	stored := storedOutbox{Begun: o.Begun}
	for _, e := range o.Events {
		stored.Events = append(stored.Events, (*storedEvent)(e))
	}
	return enc.Encode(&stored)
}

// DecodeMsgpack reads the form written by EncodeMsgpack.
func (o *AuditOutbox) DecodeMsgpack(dec *msgpack.Decoder) error {
	var stored storedOutbox
	if err := dec.Decode(&stored); err != nil {
		return err
	}
	*o = AuditOutbox{Begun: stored.Begun}
	for _, e := range stored.Events {
		o.Events = append(o.Events, (*AuditEvent)(e))
	}
	return nil
}
