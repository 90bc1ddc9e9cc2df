// Package proto holds the messages between Plumbline's parts over NATS, and their wire form.
//
// It is a leaf: it imports msgpack and the standard library only, so any other system can read and write these messages
// without importing a server.
//
// Payloads are msgpack. The hot messages between services (ticks, batches, inputs, entries, pages, commands) are arrays
// written by hand: an array grows at its end only, and a reader fills missing fields with zero and skips unknown ones.
// The others are maps by field name. Package schema has the JSON Schemas of those that other systems read, which have
// the field names of the HTTP API. The header Plumb-Schema identifies a message as "name.major"; a reader leaves a
// message of a newer major version for a newer reader.
//
// Account, integration, check and page of a message are in its subject (see package topology of the bus module). Of the
// bodies, only those of public messages repeat them.
package proto
