package proto

import "encoding/json"

// AuditEvent is one configuration change, on audit.<account>. Secrets are left out of Before and After.
type AuditEvent struct {
	ID     ID     `msgpack:"id"`
	At     Millis `msgpack:"at"`
	Actor  Actor  `msgpack:"actor"`
	Action string `msgpack:"action"` // create, update, delete, rotate, refresh, revoke
	// Kind and Resource say what was changed; Name is what people call it.
	Kind     string `msgpack:"kind"`
	Resource string `msgpack:"resource"`
	Name     string `msgpack:"name"`
	// Before and After are the resource as the API shows it, JSON objects; empty where there is none.
	Before json.RawMessage `msgpack:"before"`
	After  json.RawMessage `msgpack:"after"`
	// Unsure says of an action that nobody knows whether it was done: who was to do it ended before telling.
	Unsure bool `msgpack:"unsure,omitempty"`
}

// Schema implements Message.
func (*AuditEvent) Schema() Schema { return Schema{"audit_event", 1} }

// Actor is who made a change.
type Actor struct {
	Type string `msgpack:"type"` // token, key, or system for the services themselves
	ID   string `msgpack:"id"`
	Name string `msgpack:"name"`
	IP   string `msgpack:"ip"`
	// Email is the address that an API key was given beside.
	Email string `msgpack:"email"`
}

// AuditOutbox is what the audit log is still to be told: of changes that are stored with it, or of an action that
// was about to be done.
type AuditOutbox struct {
	Events []*AuditEvent `msgpack:"events"`
	// Begun says that it is of an action that is not over: something else takes its place once it is.
	Begun bool `msgpack:"begun,omitempty"`
}

// Schema implements Message.
func (*AuditOutbox) Schema() Schema { return Schema{"audit_outbox", 1} }
