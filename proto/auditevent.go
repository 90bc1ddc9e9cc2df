package proto

import "github.com/vmihailenco/msgpack/v5"

// Schema implements Message.
func (*AuditEvent) Schema() Schema { return Schema{"audit_event", 2} }

// Oldest implements Versioned.
func (*AuditEvent) Oldest() int { return 1 }

// Types of actors: of the services, and as the API shows them.
const (
	actorSystem  = "system"
	publicUser   = "user"
	publicSystem = "Cloudflare" // the SDKs know no other word for what is not a person
)

// EncodeMsgpack writes the map that schema/audit_event.2.json describes.
func (e *AuditEvent) EncodeMsgpack(enc *msgpack.Encoder) error {
	return enc.Encode(msgpack.RawMessage(e.append(nil)))
}

// append implements appender.
func (e *AuditEvent) append(b []byte) []byte {
	by, through := publicUser, "API"
	if e.Actor.Type == actorSystem {
		by, through = publicSystem, actorSystem
	}
	w := beginMap(b)
	w.id("id", &e.ID)
	w.time("when", e.At)
	w.submap("owner", func(m *mapWriter) { m.account("id", e.Account) })
	w.submap("action", func(m *mapWriter) {
		m.bool("result", true)
		m.text("type", e.Action)
	})
	w.submap("actor", func(m *mapWriter) {
		m.text("id", e.Actor.ID)
		m.text("email", e.Actor.Email)
		m.text("ip", e.Actor.IP)
		m.text("type", by)
		m.text("x_type", e.Actor.Type)
	})
	w.text("interface", through)
	w.submap("metadata", func(m *mapWriter) {
		m.text("actor_name", e.Actor.Name)
		m.text("name", e.Name)
		if e.Unsure {
			m.bool("x_unsure", true)
		}
	})
	w.submap("resource", func(m *mapWriter) {
		m.text("id", e.Resource)
		m.text("type", e.Kind)
	})
	w.text("newValue", string(e.After))
	w.text("oldValue", string(e.Before))
	if len(e.Records) > 0 {
		w.key("x_records")
		w.b = appendArray(w.b, len(e.Records))
		for _, r := range e.Records {
			w.b = r.append(w.b)
		}
	}
	return w.end()
}

func (r *AuditRecord) append(b []byte) []byte {
	w := beginMap(b)
	w.text("subject", r.Subject)
	w.uint("replaced", r.Replaced)
	w.bool("deleted", r.Deleted)
	return w.end()
}

// DecodeMsgpack reads the form written by EncodeMsgpack, and that of version 1, which has names of its own.
func (e *AuditEvent) DecodeMsgpack(dec *msgpack.Decoder) error {
	*e = AuditEvent{}
	var r mapReader
	r.open(dec)
	for name := r.next(); name != nil; name = r.next() {
		e.member(&r, string(name))
	}
	return r.err
}

func (e *AuditEvent) member(r *mapReader, name string) {
	switch name {
	case "id":
		r.id(&e.ID)
	case "when", "at":
		r.time(&e.At)
	case "owner":
		r.nested(func(m *mapReader, name string) { m.pick(name == "id", func() { m.account(&e.Account) }) })
	case "action":
		e.action(r)
	case "actor":
		e.actor(r)
	case "metadata":
		r.nested(e.metadata)
	case "resource":
		e.resource(r)
	case "kind":
		r.text(&e.Kind)
	case "name":
		r.text(&e.Name)
	case "newValue", "after":
		r.json(&e.After)
	case "oldValue", "before":
		r.json(&e.Before)
	case "unsure":
		r.bool(&e.Unsure)
	case "x_records", "records":
		e.Records = nil
		for range r.list(maxRecords) {
			var record AuditRecord
			r.nested(record.member)
			e.Records = append(e.Records, record)
		}
	default:
		r.skip()
	}
}

// maxRecords bounds the keys of a change that are read: a change is one atomic batch.
const maxRecords = 1000

// action reads a map, or the word of version 1.
func (e *AuditEvent) action(r *mapReader) {
	if r.isText() {
		r.text(&e.Action)
		return
	}
	r.nested(func(m *mapReader, name string) { m.pick(name == "type", func() { m.text(&e.Action) }) })
}

// resource reads a map, or the id of version 1, which has the kind beside it.
func (e *AuditEvent) resource(r *mapReader) {
	if r.isText() {
		r.text(&e.Resource)
		return
	}
	r.nested(func(m *mapReader, name string) {
		switch name {
		case "id":
			m.text(&e.Resource)
		case "type":
			m.text(&e.Kind)
		default:
			m.skip()
		}
	})
}

// actor reads the map of either version. Version 1 has the name in it, and the exact type as its type.
func (e *AuditEvent) actor(r *mapReader) {
	var exact *string
	r.nested(func(m *mapReader, name string) {
		switch name {
		case "type":
			m.text(&e.Actor.Type)
		case "x_type":
			exact = new(string)
			m.text(exact)
		case "id":
			m.text(&e.Actor.ID)
		case "name":
			m.text(&e.Actor.Name)
		case "ip":
			m.text(&e.Actor.IP)
		case "email":
			m.text(&e.Actor.Email)
		default:
			m.skip()
		}
	})
	if exact != nil {
		e.Actor.Type = *exact
	}
}

func (e *AuditEvent) metadata(m *mapReader, name string) {
	switch name {
	case "actor_name":
		m.text(&e.Actor.Name)
	case "name":
		m.text(&e.Name)
	case "x_unsure":
		m.bool(&e.Unsure)
	default:
		m.skip()
	}
}

func (r *AuditRecord) member(m *mapReader, name string) {
	switch name {
	case "subject":
		m.text(&r.Subject)
	case "replaced":
		m.uint(&r.Replaced)
	case "deleted":
		m.bool(&r.Deleted)
	default:
		m.skip()
	}
}
