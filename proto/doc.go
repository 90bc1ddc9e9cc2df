// Package proto holds the messages that Plumbline's parts exchange over NATS, and their wire form.
//
// It is a leaf: it imports msgpack and the standard library only, so that any other system can read and
// write these messages without taking in a server.
//
// Payloads are msgpack. The hot messages (ticks, batches, inputs, entries, changes, pages, commands) are
// arrays written by hand: an array grows at its end only, a reader fills fields that are not there with
// zero and skips those it does not know. The others are maps by field name. What a message is stands in
// the header Plumb-Schema as "name.major"; a reader that meets a newer major version leaves the message
// for a newer reader.
//
// Account, integration, check and page of a message stand in its subject (see package topology of the
// bus module), not in its body.
package proto
