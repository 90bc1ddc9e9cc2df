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
